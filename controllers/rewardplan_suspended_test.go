package controllers

import (
	"math/big"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// An edit waits until campaign and database are resumed. A deletion waits for the database only.
func TestPlanSaysWhatASuspensionDelays(t *testing.T) {
	const campaignWaits, databaseWaits = "the campaign is suspended", "nothing is decided until spec.suspend of AttributionDatabase"
	for name, test := range map[string]struct {
		deletes, campaign, database bool
		want                        string
	}{
		"edit":                               {want: ""},
		"edit of a suspended campaign":       {campaign: true, want: campaignWaits},
		"edit in a suspended database":       {database: true, want: databaseWaits},
		"deletion of a suspended campaign":   {deletes: true, campaign: true, want: ""},
		"deletion in a suspended database":   {deletes: true, database: true, want: databaseWaits},
		"deletion with both being suspended": {deletes: true, campaign: true, database: true, want: databaseWaits},
	} {
		plan := &v1alpha1.RewardPlan{Spec: v1alpha1.RewardPlanSpec{Proposed: &v1alpha1.ProposedEdit{Delete: test.deletes}}}
		s := newPlanScope(plan)
		s.campaign = &v1alpha1.ReferralCampaign{Spec: v1alpha1.ReferralCampaignSpec{Suspend: test.campaign, DeletionPolicy: v1alpha1.ReverseCredits}}
		s.existing, s.result, s.policy = s.campaign, &engine.PlanResult{}, &v1alpha1.RewardPolicy{}
		s.adb = &v1alpha1.AttributionDatabase{Spec: v1alpha1.AttributionDatabaseSpec{Suspend: test.database}}
		said := s.describe(0, 0)
		for _, warning := range []string{campaignWaits, databaseWaits} {
			if warns := strings.Contains(said, warning); warns != (warning == test.want) {
				t.Errorf("%s: %s", name, said)
			}
		}
	}
}

// What a plan counts beside the edit is said, or a reviewer takes it for the edit's.
func TestPlanSaysWhatIsUnfinished(t *testing.T) {
	const (
		rollout = "a rollout of the campaign is not over: the sums change as it goes on"
		one     = "1 user has changes or ended holds that are not decided yet: the sums include what these move without the edit"
		many    = "100 users have changes or ended holds that are not decided yet: the sums include what these move without the edit"
	)
	for name, test := range map[string]struct {
		result engine.PlanResult
		want   string
	}{
		"nothing":             {engine.PlanResult{}, ""},
		"a rollout":           {engine.PlanResult{RollingOut: true}, "; warning: " + rollout},
		"a user":              {engine.PlanResult{Pending: 1}, "; warning: " + one},
		"a rollout and users": {engine.PlanResult{RollingOut: true, Pending: 100}, "; warning: " + rollout + "; " + many},
	} {
		s := newPlanScope(&v1alpha1.RewardPlan{})
		s.campaign, s.adb = &v1alpha1.ReferralCampaign{}, &v1alpha1.AttributionDatabase{}
		s.existing, s.result, s.policy = s.campaign, &test.result, &v1alpha1.RewardPolicy{}
		s.plan.Status.Grant, s.plan.Status.Reverse = "0", "0"
		if said := s.describe(0, 0); said != "would grant 0 and reverse 0"+test.want {
			t.Errorf("%s: %s", name, said)
		}
	}
}

// A database may have purchases in any number of currencies.
func TestSumsForPeopleAreAtMostAsManyAsThoseInTheLists(t *testing.T) {
	s := newPlanScope(&v1alpha1.RewardPlan{})
	s.campaign = &v1alpha1.ReferralCampaign{Spec: v1alpha1.ReferralCampaignSpec{Budget: &v1alpha1.Money{Amount: "1", Currency: "ZZZ"}}}
	huge, _ := new(big.Int).SetString(strings.Repeat("9", 40), 10)
	var effects []reward.Effects
	for n := range 100 {
		effects = append(effects, reward.Effects{Currency: string([]byte{'X', 'A' + byte(n/26), 'A' + byte(n%26)}), GrantedUp: huge})
	}
	effects = append(effects, reward.Effects{Currency: "ZZZ", GrantedUp: big.NewInt(700)})
	said := s.forPeople(effects, func(e *reward.Effects) *big.Int { return e.GrantedUp })
	if listed := strings.Split(said, ", "); listed[0] != "700 ZZZ" || len(listed) != v1alpha1.MaxPlanCurrencies || len(said) > 2048 {
		t.Errorf("%d sums of %d bytes: %s", len(listed), len(said), said)
	}
}
