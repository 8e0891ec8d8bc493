package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// engineWithBudget drains a backlog of a campaign with a cap and a budget that
// have room for all, over draining the same of one without either.
func engineWithBudget(ctx context.Context, w *world) ([]series, error) {
	referees := w.scaled(300_000)
	limited, err := w.backlogUnder(ctx, "with room for all", referees, func(ctx context.Context, s *shop) error {
		return s.limit(ctx, 2, reward.Limits{PairsPerReferrer: 1_000_000}, 1_000_000_000_000)
	})
	if err != nil {
		return nil, err
	}
	unlimited, err := w.backlog(ctx, referees)
	if err != nil {
		return nil, err
	}
	drains := func(template *testworld.Template) func(context.Context) (float64, error) {
		var result []summary
		return func(ctx context.Context) (float64, error) {
			return w.onCopy(ctx, template, referees, func(ctx context.Context, s *shop) (time.Duration, error) {
				took, err := s.drain(ctx, referees)
				if err != nil {
					return 0, err
				}
				return took, s.sameResult(ctx, &result)
			})
		}
	}
	ratios, err := w.compare(ctx, "pairs/s", side{"with cap and budget", drains(limited)}, side{"without", drains(unlimited)})
	return []series{ratios}, err
}

// limit gives the campaign a cap and a budget, in minor units.
func (s *shop) limit(ctx context.Context, generation int64, limits reward.Limits, budget int64) error {
	terms := fiveDollars()
	terms.Limits = limits
	text, err := json.Marshal(terms)
	if err != nil {
		return fmt.Errorf("while encoding the terms: %w", err)
	}
	_, err = database.Declare(ctx, s.db, database.Declaration{
		OwnerUID: owner.UID, Name: campaign, Mode: reward.Open, AttributionWindow: 720 * time.Hour,
		Destination: "https://mysite.com/", UID: "campaign", Generation: generation,
		Policy: database.Policy{Name: "five-dollars", UID: "policy", Generation: generation},
		Digest: terms.Digest(), Terms: text, Scope: "NewPairs",
		Budget: &reward.Money{Amount: budget, Currency: "USD"},
	})
	return err
}
