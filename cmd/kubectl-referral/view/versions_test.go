package view

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// An older operator leaves out what it does not know.
func TestMissingFieldsAreLeftOut(t *testing.T) {
	var verified v1alpha1.AttributionDatabase
	verified.Status.Verification = &v1alpha1.Verification{}
	for name, text := range map[string]string{
		"review":       Review(Options{Now: now}, &v1alpha1.RewardReview{}),
		"campaign":     Campaign(Options{Now: now}, &v1alpha1.ReferralCampaign{}, &v1alpha1.AttributionDatabase{}),
		"overview":     Overview(Options{Now: now}, []*v1alpha1.ReferralCampaign{{}}, []*v1alpha1.AttributionDatabase{{}}, true),
		"plan":         Plan(Options{Now: now}, &Step{Plan: &v1alpha1.RewardPlan{}, New: true, Approval: true}),
		"verification": Verification(Options{Now: now}, &verified),
	} {
		if text == "" || strings.Contains(text, "0001-01-01") || strings.Contains(text, "nil") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

func TestWordsOfANewerOperatorAreShown(t *testing.T) {
	review := object[v1alpha1.RewardReview](t, "testdata/review/granted.yaml")
	review.Status.Purchases[0].State, review.Status.Purchases[0].Reason = "Sleeping", "Nightfall"
	review.Status.Purchases[0].Checks[0].Rule = "FullMoon"
	review.Status.Timeline[0].What = "Winked"
	text := Review(Options{Now: now, Color: true}, review)
	for _, word := range []string{"Sleeping: Nightfall", "FullMoon", "Winked"} {
		if !strings.Contains(text, word) {
			t.Errorf("%s is not shown:\n%s", word, text)
		}
	}
	friends := object[v1alpha1.RewardReview](t, "testdata/review/referrer.yaml")
	friends.Status.Friends.Newest[0].Stage = "Sleeping"
	if text := Review(Options{Now: now}, friends); !strings.Contains(text, "Sleeping") {
		t.Errorf("the stage is not shown:\n%s", text)
	}
	campaigns, databases := load(t, "testdata/campaign/healthy.yaml")
	campaigns[0].Status.Conditions = append(campaigns[0].Status.Conditions,
		metav1.Condition{Type: "Moonlit", Status: metav1.ConditionTrue, Reason: "Night", Message: "wait for the morning"})
	if text := Campaign(Options{Now: now}, campaigns[0], databases[0]); !strings.Contains(text, "Moonlit: wait for the morning") {
		t.Errorf("the condition is not shown:\n%s", text)
	}
}
