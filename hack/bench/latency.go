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

// latency is the time from the commit of a purchase, whose signup is there, to the commit of its
// ledger entry, at 200 purchases a second: the 99th percentile over the engine's poll interval.
// Both times are the commit times that the server recorded.
func latency(ctx context.Context, w *world) (all []series, err error) {
	s, err := w.newShop(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	if err := s.invite(ctx); err != nil {
		return nil, err
	}
	steady, err := w.buySteadilyFrom(ctx, s, 1, w.rounds)
	if err != nil {
		return nil, err
	}
	var ratios series
	err = steady.beside(ctx, s.newEngine().Run, func() error {
		for range w.rounds {
			p99, err := steady.round(ctx, "alone")
			if err != nil {
				return err
			}
			ratios = append(ratios, p99/pollInterval.Seconds())
		}
		return nil
	})
	return []series{ratios}, err
}

// latencyBesidePlan is the 99th percentile of the same latency while plans of 100,000 pairs run one
// after the other, over that without a plan.
func latencyBesidePlan(ctx context.Context, w *world) (all []series, err error) {
	pairs := w.scaled(100_000)
	s, err := w.converged(ctx, pairs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	steady, err := w.buySteadilyFrom(ctx, s, pairs+1, 2*w.rounds)
	if err != nil {
		return nil, err
	}
	var ratios series
	err = steady.beside(ctx, s.newEngine().Run, func() error {
		planned := side{"beside a plan", func(ctx context.Context) (p99 float64, err error) {
			err = steady.beside(ctx, s.planUntilDone, func() error {
				p99, err = steady.round(ctx, "beside a plan")
				return err
			})
			return p99, err
		}}
		alone := side{"without", func(ctx context.Context) (float64, error) { return steady.round(ctx, "without a plan") }}
		var err error
		ratios, err = w.compare(ctx, "s", planned, alone)
		return err
	})
	return []series{ratios}, err
}

// planUntilDone plans again and again until ctx is done.
func (s *shop) planUntilDone(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, err := s.planSeven(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// steadyPurchases are rounds of one purchase of each of so many referees, who have signed up.
type steadyPurchases struct {
	*world
	shop   *shop
	aRound int // purchases
	next   int // the next referee
}

// buySteadilyFrom signs up the referees of the rounds, numbered from first.
func (w *world) buySteadilyFrom(ctx context.Context, s *shop, first, rounds int) (*steadyPurchases, error) {
	period := max(time.Second, time.Duration(w.scale*float64(10*time.Second)))
	steady := &steadyPurchases{world: w, shop: s, aRound: int(period.Seconds() * purchasesPerSecond), next: first}
	signups := rounds * steady.aRound
	w.say("writing %d signups", signups)
	if err := s.signUp(ctx, first, first+signups-1); err != nil {
		return nil, err
	}
	if _, err := s.drain(ctx, signups); err != nil {
		return nil, err
	}
	return steady, s.tidy(ctx)
}

// beside runs the work while something else runs, which ends with the context.
func (p *steadyPurchases) beside(ctx context.Context, other func(context.Context) error, work func() error) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- other(running) }()
	err := work()
	stop()
	return errors.Join(err, <-ended)
}

// round returns the 99th percentile of the latencies of one round in seconds.
func (p *steadyPurchases) round(ctx context.Context, what string) (float64, error) {
	first, last := p.next, p.next+p.aRound-1
	p.next = last + 1
	if err := p.shop.buySteadily(ctx, first, last); err != nil {
		return 0, err
	}
	took, err := p.shop.latencies(ctx, first, last)
	if err != nil {
		return 0, err
	}
	p.say("%s: half within %.0f ms, 99%% within %.0f ms, all within %.0f ms", what,
		1000*took.median(), 1000*took.quantile(0.99), 1000*took.quantile(1))
	return took.quantile(0.99), nil
}

// buySteadily writes one purchase of each referee, 200 a second whether or not the one before has
// come through.
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

// latencies waits until these referees have their ledger entries, and returns how many seconds each
// took.
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
