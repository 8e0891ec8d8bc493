package facts

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
)

// signUp writes signups and the touches that came with them in one transaction. If the database
// refuses that for one signup alone, it writes its touches in transactions of their own, which may
// fail, and then the signup: a touch that the database refuses keeps out no signup, and the visit took
// place, whatever becomes of the signup.
func (s *Store) signUp(ctx context.Context, db *postgres.DB, given []*Signup) ([]Outcome[StoredSignup], error) {
	outcomes, err := inTransaction(s.writeWithTouches)(ctx, db, given)
	if len(given) > 1 || len(given[0].Touches) == 0 || !postgres.Refused(err) {
		return outcomes, err
	}
	refusals, err := writeTouches(ctx, db, given[0].Touches)
	if err != nil {
		return nil, err
	}
	outcomes, err = inTransaction(s.writeSignups)(ctx, db, given)
	if err == nil {
		outcomes[0].TouchRefusal = errors.Join(refusals...)
	}
	return outcomes, err
}

// writeWithTouches writes signups and the touches that came with them, also those of a signup that is
// stored already or conflicts.
func (s *Store) writeWithTouches(ctx context.Context, tx pgx.Tx, given []*Signup) ([]Outcome[StoredSignup], error) {
	if _, err := touches.Record(ctx, tx, s.db.Schema, touchesOf(given)); err != nil {
		return nil, fmt.Errorf("while recording the touches of signups: %w", err)
	}
	return s.writeSignups(ctx, tx, given)
}

func touchesOf(given []*Signup) (all []touches.Touch) {
	for _, g := range given {
		all = append(all, g.Touches...)
	}
	return all
}

// writeTouches writes touches, in parts if need be, and returns for each the reason why the database
// refuses it; nil if it is written.
func writeTouches(ctx context.Context, db *postgres.DB, all []touches.Touch) (refusals []error, err error) {
	err = again(ctx, func() error {
		return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			_, err := touches.Record(ctx, tx, db.Schema, all)
			return err
		})
	})
	if !postgres.Refused(err) {
		return make([]error, len(all)), err
	}
	parts := postgres.Split(all, err)
	if parts == nil {
		return []error{err}, nil
	}
	for _, part := range parts {
		more, err := writeTouches(ctx, db, part)
		if err != nil {
			return nil, err
		}
		refusals = append(refusals, more...)
	}
	return refusals, nil
}
