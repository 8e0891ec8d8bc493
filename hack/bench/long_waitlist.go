package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// waitlistStep is how many pairs are refunded at a time, and how many go on waiting on the short
// waitlist.
const waitlistStep = 10

// longWaitlist is the processor time of ten refunds in a campaign with a budget, each of which
// frees capacity for the first pair on the waitlist, while a million pairs keep waiting, over that
// while ten do.
func longWaitlist(ctx context.Context, w *world) (all []series, err error) {
	short, err := w.waitlist(ctx, 2*waitlistStep)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, short.drop(ctx)) }()
	long, err := w.waitlist(ctx, max(w.scaled(1_000_000), 2*waitlistStep))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, long.drop(ctx)) }()
	ratios, err := w.alternate(ctx, "waiting", stepSide{short.shop, short.refund}, stepSide{long.shop, long.refund})
	return []series{ratios}, err
}

// waitlist is a shop with a waitlist.
type waitlist struct {
	steps
	referees int
}

// waitlist makes a shop in which so many pairs wait and enough others are granted.
func (w *world) waitlist(ctx context.Context, waiting int) (*waitlist, error) {
	s, err := w.newShop(ctx)
	if err != nil {
		return nil, err
	}
	admitted := 10_000 // which leaves the server no choice of plans
	w.say("granting %d pairs and writing %d that wait", admitted, waiting)
	err = func() error {
		if err := errors.Join(s.limit(ctx, reward.Limits{}, int64(500*admitted)), s.invite(ctx), s.signUp(ctx, 1, admitted), s.buy(ctx, admitted, 1)); err != nil {
			return err
		}
		if _, err := s.drain(ctx, admitted); err != nil {
			return err
		}
		if err := s.joining(ctx, admitted+1, admitted+waiting); err != nil {
			return err
		}
		if _, err := s.db.Exec(ctx, statement("waiting"), pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("while writing the waitlist: %w", err)
		}
		return errors.Join(s.paid(ctx, admitted, waiting), s.consistent(ctx), s.tidy(ctx))
	}()
	if err != nil {
		return nil, errors.Join(err, s.drop(ctx))
	}
	return &waitlist{steps: steps{shop: s, world: w, engine: s.newEngine()}, referees: admitted + waiting}, nil
}

// joining writes signup and purchase of the referees first to last.
func (s *shop) joining(ctx context.Context, first, last int) error {
	return errors.Join(s.signUp(ctx, first, last), s.inBulk(ctx, "write_purchases", first, last, 1))
}

// consistent checks that referral.violations() returns nothing.
func (s *shop) consistent(ctx context.Context) error {
	rows, err := s.db.Query(ctx, "SELECT wrong || ': ' || what FROM referral.violations() LIMIT 3")
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("the database has violations: %q", found)
	}
	return err
}

// refund refunds ten admitted pairs and returns the processor time that it takes until as many
// others are admitted. Then ten others join the waitlist.
func (s *waitlist) refund(ctx context.Context) (seconds float64, err error) {
	seconds, err = s.makeWay(ctx, waitlistStep)
	if err != nil {
		return 0, err
	}
	if err := s.joining(ctx, s.referees+1, s.referees+waitlistStep); err != nil {
		return 0, err
	}
	s.referees += waitlistStep
	return seconds, s.engine.Converge(ctx)
}
