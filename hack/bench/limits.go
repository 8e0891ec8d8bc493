package main

import (
	"context"
	"fmt"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// engineWithBudget drains a backlog of a campaign with a cap and a budget that have capacity for
// all, over draining the same backlog of a campaign without limits.
func engineWithBudget(ctx context.Context, w *world) ([]series, error) {
	referees := w.scaled(300_000)
	limited, err := w.backlogUnder(ctx, "with capacity for all", referees, func(ctx context.Context, s *shop) error {
		return s.limit(ctx, reward.Limits{PairsPerReferrer: 1_000_000}, 1_000_000_000_000)
	})
	if err != nil {
		return nil, err
	}
	unlimited, err := w.backlog(ctx, referees)
	if err != nil {
		return nil, err
	}
	drains := func(template *testworld.Template) func(context.Context) (cost, error) {
		return func(ctx context.Context) (cost, error) {
			return w.drained(ctx, template, referees, func(ctx context.Context, s *shop) error { return s.paid(ctx, referees, 0) })
		}
	}
	ratios, err := w.compareCosts(ctx, costUnits, costSide{"with cap and budget", drains(limited)}, costSide{"without", drains(unlimited)})
	if err != nil {
		return nil, err
	}
	return ratios[:1], nil
}

// waitlistVersusFastPath is the processor time of a pair that joins the waitlist because the budget
// of its campaign is exhausted, over that of one that a campaign without limits grants at once.
func waitlistVersusFastPath(ctx context.Context, w *world) ([]series, error) {
	referees := w.scaled(100_000)
	exhausted, err := w.backlogUnder(ctx, "budget for one", referees, func(ctx context.Context, s *shop) error {
		return s.limit(ctx, reward.Limits{}, fiveDollars().Rewards[0].Fixed.Amount)
	})
	if err != nil {
		return nil, err
	}
	unlimited, err := w.backlog(ctx, referees)
	if err != nil {
		return nil, err
	}
	drains := func(template *testworld.Template, waiting int) func(context.Context) (cost, error) {
		return func(ctx context.Context) (cost, error) {
			return w.drained(ctx, template, referees, func(ctx context.Context, s *shop) error { return s.paid(ctx, referees-waiting, waiting) })
		}
	}
	ratios, err := w.compareCosts(ctx, costUnits, costSide{"waiting", drains(exhausted, referees-1)}, costSide{"granted", drains(unlimited, 0)})
	if err != nil {
		return nil, err
	}
	return ratios[1:], nil
}

// drained drains a backlog on a copy of its template.
func (w *world) drained(ctx context.Context, template *testworld.Template, referees int, check func(context.Context, *shop) error) (cost, error) {
	return w.onCopy(ctx, template, referees, func(ctx context.Context, s *shop) (time.Duration, error) {
		return s.drain(ctx, referees)
	}, check)
}

// paid checks that so many pairs were granted, $5.00 each, and that so many wait.
func (s *shop) paid(ctx context.Context, granted, waiting int) error {
	var pairs, entries, wait int
	var sum int64
	if err := s.db.QueryRow(ctx, statement("paid")).Scan(&pairs, &entries, &sum, &wait); err != nil {
		return err
	}
	if pairs != granted || entries != granted || sum != 500*int64(granted) || wait != waiting {
		return fmt.Errorf("%d pairs are granted, with %d entries of %d cents in all, and %d wait; %d were to be granted, and %d to wait",
			pairs, entries, sum, wait, granted, waiting)
	}
	return nil
}

// limit gives the campaign a cap and a budget, in minor units.
func (s *shop) limit(ctx context.Context, limits reward.Limits, budget int64) error {
	terms := fiveDollars()
	terms.Limits = limits
	declaration, err := declarationOf(terms, 2)
	if err != nil {
		return err
	}
	declaration.Budget = &database.Money{Amount: budget, Currency: "USD"}
	_, err = database.Declare(ctx, s.db, declaration)
	return err
}
