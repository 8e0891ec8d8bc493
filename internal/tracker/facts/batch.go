package facts

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Fact is a fact that a batch takes: *Signup, *Purchase, *Refund or *Action.
type Fact any

// Batch is the result of Record. Created reports for each fact, in their order, whether it is new.
// If Conflicts is not empty, nothing was written.
type Batch struct {
	Created   []bool
	Conflicts []Conflicting
}

// Conflicting is a fact of a batch that conflicts with what is stored.
type Conflicting struct {
	Number int // position in the batch, from 0
	*Conflict
}

// errConflicts rolls a batch back.
var errConflicts = fmt.Errorf("facts of the batch conflict with what is stored")

// Record writes all of the facts or, if there is an error or a conflict, none.
func (s *Store) Record(ctx context.Context, all []Fact) (*Batch, error) {
	var batch *Batch
	err := again(ctx, func() error {
		batch = &Batch{Created: make([]bool, len(all))}
		return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
			if err := s.recordIn(ctx, tx, all, batch); err != nil {
				return err
			}
			if len(batch.Conflicts) > 0 {
				return errConflicts
			}
			return nil
		})
	})
	if err == errConflicts { //nolint:errorlint // BeginFunc returns it unwrapped
		slices.SortFunc(batch.Conflicts, func(a, b Conflicting) int { return a.Number - b.Number })
		return batch, nil
	}
	return batch, err
}

// recordIn writes kind by kind, always in the same order, so that two batches do not deadlock.
func (s *Store) recordIn(ctx context.Context, tx pgx.Tx, all []Fact, batch *Batch) error {
	err := recordKind(ctx, all, batch, func(ctx context.Context, given []*Signup) ([]Outcome[StoredSignup], error) {
		return s.signUpIn(ctx, tx, given)
	})
	if err == nil {
		err = recordKind(ctx, all, batch, within(tx, s.purchases))
	}
	if err == nil {
		err = recordKind(ctx, all, batch, within(tx, s.refunds))
	}
	if err == nil {
		err = recordKind(ctx, all, batch, within(tx, s.actions))
	}
	return err
}

func within[F, S any](tx pgx.Tx, k *kind[F, S]) func(context.Context, []*F) ([]Outcome[S], error) {
	return func(ctx context.Context, given []*F) ([]Outcome[S], error) { return k.write(ctx, tx, given) }
}

// recordKind writes the facts of kind F.
func recordKind[F, S any](
	ctx context.Context, all []Fact, batch *Batch, write func(context.Context, []*F) ([]Outcome[S], error),
) error {
	var given []*F
	var numbers []int
	for i, fact := range all {
		if f, ok := fact.(*F); ok {
			given, numbers = append(given, f), append(numbers, i)
		}
	}
	if len(given) == 0 {
		return nil
	}
	outcomes, err := write(ctx, given)
	if err != nil {
		return err
	}
	for i, outcome := range outcomes {
		batch.Created[numbers[i]] = outcome.Created
		if conflict, ok := outcome.Err.(*Conflict); ok { //nolint:errorlint // compare sets only this type
			batch.Conflicts = append(batch.Conflicts, Conflicting{Number: numbers[i], Conflict: conflict})
		}
	}
	return nil
}
