package main

import (
	"context"
	"errors"
	"time"

	"github.com/referral-operator/referral-operator/internal/engine"
)

// idleCost is what a running engine asks of a database in which there is nothing to do: queries per
// poll, and writes.
func idleCost(ctx context.Context, w *world) (all []series, err error) {
	if !w.statistics {
		return nil, errors.New("this build of Postgres has no pg_stat_statements among its extensions")
	}
	s, err := w.converged(ctx, w.scaled(10_000))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	e := s.newEngine()
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- e.Run(running) }()

	// The first poll loads the configuration, and the server counts what went before with some
	// delay.
	const settle = 12 * time.Second
	if err := w.wait(ctx, settle); err != nil {
		return nil, err
	}
	var queries, writes series
	for round := range w.rounds {
		asked, err := w.idleRound(ctx, s, e)
		if err != nil {
			return nil, err
		}
		w.say("round %d of %d: %d polls, %d queries, %d writes, %d bytes of WAL on the whole server",
			round+1, w.rounds, asked.polls, asked.queries, asked.written, asked.wal)
		queries = append(queries, float64(asked.queries)/float64(asked.polls))
		writes = append(writes, float64(asked.written))
	}
	stop()
	return []series{queries, writes}, <-ended
}

// idleActivity is what was asked for in so many polls.
type idleActivity struct {
	polls int64
	activity
}

// activity is what a database was asked for so far.
type activity struct {
	queries int64
	written int64 // rows, and records of write-ahead log
	wal     int64 // bytes of write-ahead log, of the whole server
}

// idleRound watches an engine for some polls. It begins and ends right after a poll, so that the
// server and the engine have counted the same ones.
func (w *world) idleRound(ctx context.Context, s *shop, e *engine.Engine) (idleActivity, error) {
	const window = 4 * time.Second
	polled, before, err := w.afterPoll(ctx, s, e)
	if err != nil {
		return idleActivity{}, err
	}
	if err := w.wait(ctx, window); err != nil {
		return idleActivity{}, err
	}
	polledAgain, after, err := w.afterPoll(ctx, s, e)
	if err != nil {
		return idleActivity{}, err
	}
	return idleActivity{
		polls: polledAgain - polled,
		activity: activity{
			queries: after.queries - before.queries,
			written: after.written - before.written,
			wal:     after.wal - before.wal,
		},
	}, nil
}

// afterPoll waits for the end of a poll and returns how many there were, and what the database had
// been asked for by then.
func (w *world) afterPoll(ctx context.Context, s *shop, e *engine.Engine) (polls int64, a activity, err error) {
	const look, answered = time.Millisecond, pollInterval / 2
	for ctx.Err() == nil {
		for last := e.Stats().Polls; e.Stats().Polls == last && ctx.Err() == nil; {
			time.Sleep(look)
		}
		time.Sleep(answered)
		polls := e.Stats().Polls
		err := w.admin.QueryRow(ctx, statement("activity"), s.own.Name).Scan(&a.queries, &a.written, &a.wal)
		if err != nil || e.Stats().Polls == polls {
			return int64(polls), a, err
		}
	}
	return 0, a, ctx.Err()
}
