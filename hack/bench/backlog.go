package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// backlog is a template of shops with a number of referees, two purchases each, in the change
// queue: all signups first, then all purchases.
func (w *world) backlog(ctx context.Context, referees int) (*testworld.Template, error) {
	return w.backlogUnder(ctx, "no limits", referees, func(context.Context, *shop) error { return nil })
}

// backlogUnder is the same in a campaign that was edited before.
func (w *world) backlogUnder(ctx context.Context, what string, referees int, edit func(context.Context, *shop) error) (*testworld.Template, error) {
	return w.postgres.Template(ctx, fmt.Sprintf("backlog of %d, %s", referees, what), func(ctx context.Context, own *testworld.Database) error {
		w.say("writing the facts of %d referees", referees)
		s, err := open(ctx, own)
		if err != nil {
			return err
		}
		defer s.close() // a template must not have connections
		if err := errors.Join(s.declare(ctx), edit(ctx, s)); err != nil {
			return err
		}
		if err := s.invite(ctx); err != nil {
			return err
		}
		// The campaign and the links reach no referee yet.
		if err := s.newEngine().Converge(ctx); err != nil {
			return err
		}
		return errors.Join(
			s.signUp(ctx, 1, referees),
			s.buy(ctx, referees, 1),
			s.buy(ctx, referees, 2),
			s.tidy(ctx),
		)
	})
}

// onCopy measures work on its own copy of the template: the rate in pairs/s and the processor time
// per pair in microseconds. It does not measure check.
func (w *world) onCopy(ctx context.Context, template *testworld.Template, pairs int,
	work func(context.Context, *shop) (time.Duration, error), check func(context.Context, *shop) error) (result cost, err error) {
	s, err := w.copyOf(ctx, template)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	if err := errors.Join(w.checkpoint(ctx), w.forgetStatements(ctx)); err != nil {
		return nil, err
	}
	before := w.processorTime()
	took, err := work(ctx, s)
	if err != nil {
		return nil, err
	}
	spent := w.processorTime().since(before)
	w.detail("%d pairs in %.2fs, with %s", pairs, took.Seconds(), spent)
	if err := w.showStatements(ctx, s); err != nil {
		return nil, err
	}
	return cost{float64(pairs) / took.Seconds(), 1e6 * spent.seconds() / float64(pairs)}, check(ctx, s)
}

// costUnits are those of onCopy.
var costUnits = []string{"pairs/s", "µs of processor time a pair"}

// summary is the result of one table: its rows and a checksum of them.
type summary struct {
	What     string
	Rows     int64
	Checksum string
}

func (s *shop) result(ctx context.Context) ([]summary, error) {
	rows, err := s.db.Query(ctx, statement("result"), pgx.QueryExecModeExec)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[summary])
}

// sameResult remembers the first result and refuses different ones: fast and wrong work is not
// measured.
func (s *shop) sameResult(ctx context.Context, first *[]summary) error {
	result, err := s.result(ctx)
	if err != nil {
		return err
	}
	if *first == nil {
		*first = result
	}
	if !slices.Equal(result, *first) {
		return fmt.Errorf("the results differ: %v, and before %v", result, *first)
	}
	return nil
}
