package facts

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Fact is a fact that a batch takes: *Signup, *Purchase, *Refund or *Action.
type Fact any

// Batch is the result of Record. Created reports for each fact, in their order, whether it is new.
// If ConflictCount is not 0, no fact was written.
type Batch struct {
	Created       []bool
	LateVisitors  []int         // positions of the signups whose visitor was left out; see Outcome
	TouchRefused  []int         // positions of the signups of which a touch was left out
	TouchRefusal  error         // why the database refuses the first of these touches
	ConflictCount int           // how many facts conflict with what is stored
	Conflicts     []Conflicting // the first of them, at most mostConflicts
}

// mostConflicts is the most conflicts that a Batch names.
const mostConflicts = 20

// conflict adds a conflict.
func (b *Batch) conflict(number int, conflict *Conflict) {
	b.ConflictCount++
	at, _ := slices.BinarySearchFunc(b.Conflicts, number, func(c Conflicting, number int) int { return c.Number - number })
	b.Conflicts = slices.Insert(b.Conflicts, at, Conflicting{Number: number, Conflict: conflict})
	b.Conflicts = b.Conflicts[:min(len(b.Conflicts), mostConflicts)]
}

// Conflicting is a fact of a batch that conflicts with what is stored.
type Conflicting struct {
	Number int // position in the batch, from 0
	*Conflict
}

// errConflicts rolls a batch back.
var errConflicts = errors.New("facts of the batch conflict with what is stored")

// Record writes all of the facts or, if there is an error or a conflict, none. If the database
// refuses that, it writes the touches of the signups in transactions of their own, and then the facts:
// see signUp.
func (s *Store) Record(ctx context.Context, all []Fact) (*Batch, error) {
	var batch *Batch
	err := s.alone(ctx, func() (err error) {
		batch, err = s.recordOnce(ctx, all, s.writeWithTouches)
		signups, numbers := ofKind[Signup](all)
		given := touchesOf(signups)
		if len(given) == 0 || !postgres.Refused(err) {
			return err
		}
		refusals, err := writeTouches(ctx, s.db, given)
		if err != nil {
			return err
		}
		batch, err = s.recordOnce(ctx, all, s.writeSignups)
		for i, g := range signups {
			refusal := errors.Join(refusals[:len(g.Touches)]...)
			refusals = refusals[len(g.Touches):]
			if refusal != nil {
				batch.TouchRefused, batch.TouchRefusal = append(batch.TouchRefused, numbers[i]), cmp.Or(batch.TouchRefusal, refusal)
			}
		}
		return err
	})
	return batch, err
}

// recordOnce writes all of the facts in one transaction, or none.
func (s *Store) recordOnce(ctx context.Context, all []Fact, signUp writeIn[Signup, StoredSignup]) (*Batch, error) {
	batch := &Batch{Created: make([]bool, len(all))}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := s.recordIn(ctx, tx, all, batch, signUp); err != nil {
			return err
		}
		if batch.ConflictCount > 0 {
			return errConflicts
		}
		return nil
	})
	if err == errConflicts { //nolint:errorlint // BeginFunc returns it unwrapped
		return batch, nil
	}
	return batch, err
}

// recordIn writes kind by kind, always in the same order, so that two batches do not deadlock.
func (s *Store) recordIn(
	ctx context.Context, tx pgx.Tx, all []Fact, batch *Batch, signUp writeIn[Signup, StoredSignup],
) error {
	err := recordKind(ctx, tx, all, batch, s.signups, signUp)
	if err == nil {
		err = recordKind(ctx, tx, all, batch, s.purchases, s.purchases.write)
	}
	if err == nil {
		err = recordKind(ctx, tx, all, batch, s.refunds, s.refunds.write)
	}
	if err == nil {
		actions, _ := ofKind[Action](all)
		err = s.identify(ctx, tx, actions)
	}
	if err == nil {
		err = recordKind(ctx, tx, all, batch, s.actions, s.actions.write)
	}
	return err
}

// ofKind returns the facts of kind F with their positions.
func ofKind[F any](all []Fact) (given []*F, numbers []int) {
	for i, fact := range all {
		if f, ok := fact.(*F); ok {
			given, numbers = append(given, f), append(numbers, i)
		}
	}
	return given, numbers
}

// stepSize is the most facts that are written at a time. A stored fact that is read to be compared
// may have some 10 KiB, however short the given one is.
const stepSize = 32

// recordKind writes the facts of kind F in the order of their keys, step by step, and keeps none of
// the stored ones.
func recordKind[F, S any](
	ctx context.Context, tx pgx.Tx, all []Fact, batch *Batch, k *kind[F, S], write writeIn[F, S],
) error {
	given, numbers := ofKind[F](all)
	for order := range slices.Chunk(k.order(given), stepSize) {
		step := make([]*F, len(order))
		for i, at := range order {
			step[i] = given[at]
		}
		outcomes, err := write(ctx, tx, step)
		if err != nil {
			return err
		}
		for i, outcome := range outcomes {
			number := numbers[order[i]]
			batch.Created[number] = outcome.Created
			if outcome.LateVisitor {
				batch.LateVisitors = append(batch.LateVisitors, number)
			}
			if conflict, ok := outcome.Err.(*Conflict); ok { //nolint:errorlint // compare sets only this type
				batch.conflict(number, conflict)
			}
		}
	}
	return nil
}
