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
	// writeTimeout bounds all attempts to write one batch.
	writeTimeout  = 10 * time.Second
	writeAttempts = 3
)

// ErrOverloaded is returned when too many facts wait already. Nothing was written.
var ErrOverloaded = batcher.ErrFull

// shared writes facts of concurrent requests with one statement and one commit.
type shared[F, S any] struct {
	db    *postgres.DB
	write writeIn[F, S]
	batch batcher.Batcher[*F, Outcome[S]]
}

// writeIn writes facts in a transaction.
type writeIn[F, S any] func(context.Context, pgx.Tx, []*F) ([]Outcome[S], error)

func newShared[F, S any](db *postgres.DB, write writeIn[F, S]) *shared[F, S] {
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

// settle writes a batch. If it fails for one of its facts, or for an unknown reason, the facts are
// written one by one, so that only that fact fails.
func (s *shared[F, S]) settle(ctx context.Context, given []*F) []Outcome[S] {
	outcomes, err := s.attempt(ctx, given)
	switch {
	case err == nil:
		return outcomes
	case len(given) > 1 && (postgres.Data(err) || postgres.Classify(err) == postgres.ClassUnknown):
		outcomes = nil
		for i := range given {
			outcomes = append(outcomes, s.settle(ctx, given[i:i+1])...)
		}
		return outcomes
	}
	outcomes = make([]Outcome[S], len(given))
	for i := range outcomes {
		outcomes[i].Err = err
	}
	return outcomes
}

func (s *shared[F, S]) attempt(ctx context.Context, given []*F) (outcomes []Outcome[S], err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err = again(ctx, func() error {
		return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
			outcomes, err = s.write(ctx, tx, given)
			return err
		})
	})
	return outcomes, err
}

// again repeats a write that lost against another transaction, or lost its connection. If the
// first attempt was committed after all, the second finds its rows.
func again(ctx context.Context, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		lost := errors.Is(err, ErrVanished) || postgres.Retryable(err)
		if !lost || attempt == writeAttempts || ctx.Err() != nil {
			return err
		}
	}
}
