package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

const purchasesPerSecond = 200

// latency is the time from the commit of a purchase, whose signup is there, to
// the commit of its ledger entry, at 200 purchases a second: the 99th percentile
// over the engine's poll interval. Both times are the commit times that the server recorded.
func latency(ctx context.Context, w *world) (all []series, err error) {
	period := max(time.Second, time.Duration(w.scale*float64(10*time.Second)))
	aRound := int(period.Seconds() * purchasesPerSecond)
	s, err := w.newShop(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	signups := w.rounds * aRound
	w.say("writing %d signups", signups)
	if err := errors.Join(s.invite(ctx), s.signUp(ctx, 1, signups)); err != nil {
		return nil, err
	}
	if _, err := s.drain(ctx, signups); err != nil {
		return nil, err
	}
	if err := s.tidy(ctx); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.newEngine().Run(running) }()

	var ratios series
	for round := range w.rounds {
		first := 1 + round*aRound
		if err := s.buySteadily(ctx, first, first+aRound-1); err != nil {
			return nil, err
		}
		took, err := s.latencies(ctx, first, first+aRound-1)
		if err != nil {
			return nil, err
		}
		p99 := took.quantile(0.99)
		ratios = append(ratios, p99/pollInterval.Seconds())
		w.say("round %d of %d: half within %.0f ms, 99%% within %.0f ms, all within %.0f ms", round+1, w.rounds,
			1000*took.median(), 1000*p99, 1000*took.quantile(1))
	}
	stop()
	return []series{ratios}, <-ended
}

// buySteadily writes one purchase of each referee, 200 a second whether or not
// the one before has come through.
func (s *shop) buySteadily(ctx context.Context, first, last int) error {
	began := time.Now()
	writers, writing := errgroup.WithContext(ctx)
	for n := first; n <= last && writing.Err() == nil; n++ {
		time.Sleep(time.Until(began.Add(time.Duration(n-first) * time.Second / purchasesPerSecond)))
		writers.Go(func() error {
			_, err := s.writer.Exec(writing, statement("write_purchases"), n, n, 1)
			return err
		})
	}
	if err := writers.Wait(); err != nil {
		return fmt.Errorf("while recording purchases: %w", err)
	}
	return nil
}

// latencies waits until these referees have their ledger entries, and returns
// how many seconds each took.
func (s *shop) latencies(ctx context.Context, first, last int) (series, error) {
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		rows, err := s.db.Query(ctx, statement("latencies"), first, last)
		if err != nil {
			return nil, err
		}
		took, err := pgx.CollectRows(rows, pgx.RowTo[float64])
		if err != nil || len(took) == last-first+1 {
			return took, err
		}
		time.Sleep(time.Second)
	}
	return nil, errors.New("not every purchase was credited within a minute")
}
