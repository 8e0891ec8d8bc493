package controllers

import (
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/engine"
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
