package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// planVersusDrain plans, for a drained backlog, that every pair is paid $7.00 instead of $5.00, over
// draining the same backlog. A plan uses one connection and pauses between its ranges; the engine
// that drains has two workers.
func planVersusDrain(ctx context.Context, w *world) (all []series, err error) {
	referees := w.scaled(300_000)
	backlog, err := w.backlog(ctx, referees)
	if err != nil {
		return nil, err
	}
	past, err := w.drainedCopy(ctx, backlog, referees)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, past.drop(ctx)) }()
	planned := side{"a plan", func(ctx context.Context) (float64, error) {
		began := time.Now()
		plan, err := past.planSeven(ctx)
		if err == nil && (plan.Pairs.Granted != int64(referees) || plan.Effects[0].GrantedUp.Int64() != 200*int64(referees)) {
			err = fmt.Errorf("the plan of %d referees is %+v", referees, plan)
		}
		return float64(referees) / time.Since(began).Seconds(), err
	}}
	drained := side{"a drain", func(ctx context.Context) (float64, error) {
		result, err := w.drained(ctx, backlog, referees, func(ctx context.Context, s *shop) error { return s.paid(ctx, referees, 0) })
		if err != nil {
			return 0, err
		}
		return result[0], nil
	}}
	ratios, err := w.compare(ctx, "referees/s", planned, drained)
	return []series{ratios}, err
}

// drainedCopy is a copy of a backlog in which everything has been decided.
func (w *world) drainedCopy(ctx context.Context, backlog *testworld.Template, referees int) (*shop, error) {
	s, err := w.copyOf(ctx, backlog)
	if err != nil {
		return nil, err
	}
	_, err = s.drain(ctx, referees)
	if err = errors.Join(err, s.paid(ctx, referees, 0), s.tidy(ctx)); err != nil {
		return nil, errors.Join(err, s.drop(ctx))
	}
	return s, nil
}

// planSeven plans that each pair is paid $7.00 instead of $5.00.
func (s *shop) planSeven(ctx context.Context) (*engine.PlanResult, error) {
	terms := fiveDollars()
	terms.Rewards[0].Fixed.Amount = 700
	declaration, err := declarationOf(terms, 2)
	if err != nil {
		return nil, err
	}
	declaration.Scope = "AllPairs"
	return engine.Plan(ctx, s.db, engine.PlanRequest{Campaign: campaignIdentity, Declaration: &declaration})
}
