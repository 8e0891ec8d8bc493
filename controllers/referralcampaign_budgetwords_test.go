package controllers

import (
	"math/big"
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
)

func TestUsedUpBudgetIsReportedWithWhatRemains(t *testing.T) {
	fixed := reward.Terms{Rewards: []reward.Reward{{Fixed: &reward.Money{Amount: 500, Currency: "USD"}}}}
	percentage := reward.Terms{Rewards: []reward.Reward{{Percentage: &reward.Percentage{}}}}
	capped := fixed
	capped.Limits.PairsPerReferrer = 1
	for name, test := range map[string]struct {
		terms            *reward.Terms
		granted, waiting int64
		want             string // empty: the budget is not used up
	}{
		"a pair fits": {terms: &fixed, granted: 500},
		"nothing remains": {
			terms: &fixed, granted: 1000,
			want: "in force, and the budget of 10.00 USD is used up; further pairs wait and are admitted in order when credits are reversed or spec.budget is raised",
		},
		"less remains than a pair earns": {
			terms: &fixed, granted: 700, waiting: 2,
			want: "in force, and the remaining 3.00 USD of the budget of 10.00 USD is too little for another pair; " +
				"2 pairs wait and are admitted in order when credits are reversed or spec.budget is raised",
		},
		"a pair fits, and one waits that is set aside or is still being admitted": {
			terms: &fixed, granted: 100, waiting: 1,
			want: "in force, and the remaining 9.00 USD of the budget of 10.00 USD is not enough for the waiting pairs, " +
				"unless these pairs are still being admitted, or are set aside (see status.setAside of AttributionDatabase shop); " +
				"1 pair waits and is admitted in order when credits are reversed or spec.budget is raised",
		},
		"a small purchase would fit": {
			terms: &percentage, granted: 800, waiting: 1,
			want: "in force, and the remaining 2.00 USD of the budget of 10.00 USD is not enough for the waiting pairs, " +
				"unless these pairs are still being admitted, or are set aside (see status.setAside of AttributionDatabase shop); " +
				"1 pair waits and is admitted in order when credits are reversed or spec.budget is raised",
		},
		"pairs may wait for the cap": {terms: &capped, granted: 100, waiting: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCampaignScope(&v1alpha1.ReferralCampaign{})
			s.campaign.Spec.DatabaseRef.Name = "shop"
			s.desired.terms, s.desired.budget = test.terms, &reward.Money{Amount: 1000, Currency: "USD"}
			s.counters = database.CampaignStatus{Waiting: test.waiting, Credits: []database.CreditStatus{
				{Currency: "USD", Granted: big.NewInt(test.granted), Held: new(big.Int), Reversed: new(big.Int)},
			}}
			if err := new(ReferralCampaignReconciler).reportBudget(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			reported := s.success.reason == v1alpha1.BudgetExhaustedReason
			if reported != (test.want != "") || reported && s.success.message != test.want {
				t.Errorf("%s: %s", s.success.reason, s.success.message)
			}
		})
	}
}
