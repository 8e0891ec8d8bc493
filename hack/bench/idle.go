package main

import (
	"context"
	"errors"
	"time"
)

// activity is what a database was asked for so far.
type activity struct {
	queries int64
	polls   int64
	written int64 // rows, and records of write-ahead log
	wal     int64 // bytes of write-ahead log, of the whole server
}

// idleCost is what a running engine asks of a database in which there is
// nothing to do: queries per poll, and rows written.
func idleCost(ctx context.Context, w *world) (all []series, err error) {
	if !w.statistics {
		return nil, errors.New("this Postgres has no pg_stat_statements")
	}
	s, err := w.converged(ctx, w.scaled(10_000))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	if err := w.forgetStatements(ctx); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.newEngine().Run(running) }()

	// The first polls load the configuration, and the server counts what went
	// before with some delay.
	const settle, window = 12 * time.Second, 4 * time.Second
	if err := w.wait(ctx, settle); err != nil {
		return nil, err
	}
	var queries, writes series
	for round := range w.rounds {
		before, err := w.activity(ctx, s)
		if err != nil {
			return nil, err
		}
		if err := w.wait(ctx, window); err != nil {
			return nil, err
		}
		after, err := w.activity(ctx, s)
		if err != nil {
			return nil, err
		}
		polls := after.polls - before.polls
		w.say("round %d of %d: %d polls, %d queries, %d writes, %d bytes of WAL on the whole server", round+1, w.rounds,
			polls, after.queries-before.queries, after.written-before.written, after.wal-before.wal)
		if polls == 0 {
			return nil, errors.New("the engine did not poll")
		}
		queries = append(queries, float64(after.queries-before.queries)/float64(polls))
		writes = append(writes, float64(after.written-before.written))
	}
	stop()
	return []series{queries, writes}, <-ended
}

func (w *world) activity(ctx context.Context, s *shop) (activity, error) {
	var a activity
	err := w.admin.QueryRow(ctx, statement("activity"), s.own.Name).Scan(&a.queries, &a.polls, &a.written, &a.wal)
	return a, err
}

func (w *world) wait(ctx context.Context, period time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(period):
		return nil
	}
}
