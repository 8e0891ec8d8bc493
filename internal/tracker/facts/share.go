package facts

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/tracker/batcher"
)

const (
	// batchSize is the most facts of concurrent requests that share a commit.
	batchSize = 256
	// parallelBatches is how many batches of one kind are written at a time: one fills while the
	// other waits for the disk.
	parallelBatches = 2
	// mostWaiting bounds how many facts of one kind wait while the database is slow.
	mostWaiting = 4096
	// writeTimeout bounds all attempts to write one batch and its parts.
	writeTimeout  = 10 * time.Second
	writeAttempts = 3
)

// Limits of the first attempt to write a batch, and of a write that shares no commit. A transaction of
// the shop's may keep a lock for hours. A batch with a fact that is too slow leaves enough of
// writeTimeout for the others.
var (
	sharedLimits = postgres.Limits{Lock: time.Second, Statement: 3 * time.Second}
	aloneLimits  = postgres.Limits{Lock: time.Second, Statement: 15 * time.Second}
)

// ErrOverloaded is returned when too many facts wait already. Nothing was written.
var ErrOverloaded = batcher.ErrFull

// shared writes facts of concurrent requests with one statement and one commit.
type shared[F, S any] struct {
	db    *postgres.DB
	write writeTo[F, S]
	batch batcher.Batcher[*F, Outcome[S]]
}

// writeTo writes facts in transactions of their own.
type writeTo[F, S any] func(context.Context, *postgres.DB, []*F) ([]Outcome[S], error)

// writeIn writes facts in a transaction.
type writeIn[F, S any] func(context.Context, pgx.Tx, []*F) ([]Outcome[S], error)

func newShared[F, S any](db *postgres.DB, write writeTo[F, S]) *shared[F, S] {
	s := &shared[F, S]{db: db, write: write}
	s.batch.Do, s.batch.BatchSize, s.batch.Parallel, s.batch.Waiting = s.settle, batchSize, parallelBatches, mostWaiting
	return s
}

// Unsettled is the error of a fact whose context has ended. The fact stays in memory, and may still
// be written, until Settled is closed.
type Unsettled struct {
	Settled <-chan struct{}
	reason  error
}

func (u *Unsettled) Error() string { return u.reason.Error() }

// Unwrap returns the error of the context.
func (u *Unsettled) Unwrap() error { return u.reason }

// do writes a fact together with others. If ctx ends, it returns *Unsettled: the fact is not written
// if its batch has not begun, and may be written otherwise.
func (s *shared[F, S]) do(ctx context.Context, fact *F) (Outcome[S], error) {
	call, err := s.batch.Add(ctx, fact)
	if err != nil {
		return Outcome[S]{}, err
	}
	outcome, err := call.Wait(ctx)
	if err != nil {
		return Outcome[S]{}, &Unsettled{call.Done(), err}
	}
	return outcome, outcome.Err
}

func (s *shared[F, S]) settle(ctx context.Context, given []*F) []Outcome[S] {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	limits := sharedLimits
	return s.try(ctx, &limits, given)
}

// try writes a batch or a part of one. If that fails for a reason that may be that of some facts, it
// tries parts, so that only the facts fail that fail alone.
func (s *shared[F, S]) try(ctx context.Context, limits *postgres.Limits, given []*F) []Outcome[S] {
	outcomes, err := s.write(ctx, s.db.WithLimits(*limits), given)
	if err == nil {
		return outcomes
	}
	*limits = limits.After(err)
	if parts := postgres.Split(given, err); parts != nil {
		outcomes = nil
		for _, part := range parts {
			outcomes = append(outcomes, s.try(ctx, limits, part)...)
		}
		return outcomes
	}
	outcomes = make([]Outcome[S], len(given))
	for i := range outcomes {
		outcomes[i].Err = err
	}
	return outcomes
}

// inTransaction writes facts in one transaction.
func inTransaction[F, S any](write writeIn[F, S]) writeTo[F, S] {
	return func(ctx context.Context, db *postgres.DB, given []*F) (outcomes []Outcome[S], err error) {
		err = again(ctx, func() error {
			return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
				outcomes, err = write(ctx, tx, given)
				return err
			})
		})
		return outcomes, err
	}
}

// alone runs a write that shares no commit, again if need be. Such writes use at most half of the
// connections, rounded up, so that shared ones go on while many of these wait for a lock.
func (s *Store) alone(ctx context.Context, do func() error) error {
	if err := s.turns.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.turns.Release(1)
	return again(ctx, do)
}

// again repeats a write that lost against another transaction, or lost its connection, but none
// that has reached a limit. If the first attempt was committed after all, the second finds its rows.
func again(ctx context.Context, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		lost := errors.Is(err, ErrVanished) || postgres.Retryable(err) && !postgres.Divisible(err)
		if !lost || attempt == writeAttempts || ctx.Err() != nil {
			return err
		}
	}
}
