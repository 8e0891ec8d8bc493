package controllers

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// outcomesPath has the operator's answer for each outcome; the tests of kubectl referral show each.
const outcomesPath = "../cmd/kubectl-referral/view/testdata/outcomes.yaml"

// against are the reasons why a purchase earns nothing.
var against = []reward.Reason{
	reward.CampaignDeleted, reward.PurchaseRemoved, reward.NotAttributed, reward.OutsideCampaign, reward.OutsideWindow,
	reward.Refunded, reward.CurrencyMismatch, reward.BelowMinimum, reward.ConditionFalse, reward.SelfReferral,
	reward.SharedFingerprint, reward.NotFirstPurchase, reward.Overridden,
}

// outcomes are the states with the reasons that occur in them. What is said of a pair that counts
// depends on the mode of its campaign.
var outcomes = []struct {
	mode    reward.Mode
	state   reward.State
	reasons []reward.Reason
}{
	{reward.Open, reward.NotCounting, against},
	{reward.Open, reward.Waiting, []reward.Reason{reward.CapReached, reward.BudgetExhausted, reward.Qualified}},
	{reward.Suspended, reward.Waiting, []reward.Reason{reward.CapReached, reward.Qualified}},
	{reward.PolicyMissing, reward.Waiting, []reward.Reason{reward.CapReached, reward.Qualified}},
	{reward.Closed, reward.Waiting, []reward.Reason{reward.CampaignDeleted}},
	{reward.Open, reward.Held, []reward.Reason{reward.HoldPeriod, reward.BudgetExhausted}},
	{reward.Suspended, reward.Held, []reward.Reason{reward.HoldPeriod, reward.BudgetExhausted}},
	{reward.Open, reward.Granted, []reward.Reason{reward.Qualified, reward.Overridden, reward.BudgetExhausted}},
	{reward.Suspended, reward.Granted, []reward.Reason{reward.BudgetExhausted}},
	{reward.Open, reward.Reversed, against},
	{reward.Open, "Undecided", []reward.Reason{""}},
}

func TestEveryReasonHasAnOutcome(t *testing.T) {
	for _, reason := range reward.Reasons() {
		shown := false
		for _, outcome := range outcomes {
			shown = shown || slices.Contains(outcome.reasons, reason)
		}
		if !shown {
			t.Errorf("reason %s is in no outcome: add it, and run UPDATE=1 go test ./controllers -run TestAnswer", reason)
		}
	}
}

func TestAnswerToEachOutcomeIsAsRecorded(t *testing.T) {
	var recorded []v1alpha1.RewardReview
	for _, outcome := range outcomes {
		for _, reason := range outcome.reasons {
			recorded = append(recorded, answerTo(outcome.mode, outcome.state, reason))
		}
	}
	data, err := yaml.Marshal(recorded)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(outcomesPath, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(outcomesPath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(data)); diff != "" {
		t.Errorf("UPDATE=1 go test ./controllers -run TestAnswer records it (-recorded +now):\n%s", diff)
	}
	for i := range recorded {
		if p := recorded[i].Status.Purchases[0]; p.Remedy == "" && (p.State != string(reward.Granted) || strings.HasPrefix(p.Reason, "Budget")) {
			t.Errorf("%s: %s has no remedy", p.State, p.Reason)
		}
	}
}

// What the engine has yet to record is not on the balance.
func TestSummarySaysWhatIsNotRecordedYet(t *testing.T) {
	for _, outcome := range outcomes {
		p := v1alpha1.ReviewedPurchase{State: string(outcome.state), Reason: string(outcome.reasons[0])}
		recorded := summaryOf(&p, "")
		p.Pending = true
		said := summaryOf(&p, explain.UnrecordedState)
		if strings.Contains(recorded, "not recorded") || !strings.Contains(said, "not recorded yet") && !strings.Contains(said, "not decided yet") ||
			strings.Contains(said, "is credited") {
			t.Errorf("%s: %q, and pending %q", outcome.state, recorded, said)
		}
		said = summaryOf(&p, explain.UnrecordedAmount)
		if outcome.state == reward.Granted && said != recorded+"; its present amount is not recorded yet" {
			t.Errorf("%s: %q, and with another amount %q", outcome.state, recorded, said)
		}
	}
}

// Of a user who is not decided again only what is recorded is known.
func TestSummarySaysThatOnlyWhatIsRecordedIsShown(t *testing.T) {
	not := explain.Purchase{PurchaseID: "order-1", State: string(reward.NotCounting)}
	for name, test := range map[string]struct {
		purchases []explain.Purchase
		asked     string // purchase
		want      string
	}{
		"a purchase that earns nothing": {[]explain.Purchase{not}, "order-1", "the purchase does not count; "},
		"two purchases":                 {[]explain.Purchase{not, {PurchaseID: "order-2", State: string(reward.Held)}}, "", "2 purchases are listed; "},
		"no purchase":                   {nil, "", "the signup is attributed to no link; "},
		"no such purchase":              {nil, "order-1", "the user has no such purchase; "},
	} {
		t.Run(name, func(t *testing.T) {
			for undecidable, because := range map[string]string{
				"": "the user has too many facts to be decided again for an answer", "the user cannot be decided: X": "the user cannot be decided: X",
			} {
				var status v1alpha1.RewardReviewStatus
				showUser(&status, &explain.Review{
					Explanation:  explain.Explanation{UserID: "bob", SignedUp: true, Purchases: test.purchases},
					OnlyRecorded: true, Undecidable: undecidable,
				}, test.asked)
				if want := test.want + because + ": only what is recorded is shown"; status.Summary != want {
					t.Errorf("%q, want %q", status.Summary, want)
				}
				if strings.Contains(status.Remedy, "has not been decided yet") {
					t.Errorf("remedy: %q", status.Remedy)
				}
			}
		})
	}
}

func TestLedgerEntriesHaveTheirSign(t *testing.T) {
	var shown []string
	for _, e := range shownPurchase(&explain.Purchase{}, []explain.Entry{{Amount: -500, Currency: "USD"}, {Amount: 500, Currency: "USD"}}).Ledger {
		shown = append(shown, e.Amount)
	}
	if diff := cmp.Diff([]string{"-5.00 USD", "+5.00 USD"}, shown); diff != "" {
		t.Error(diff)
	}
}

// answerTo is the review of a purchase with an outcome.
func answerTo(mode reward.Mode, state reward.State, reason reward.Reason) v1alpha1.RewardReview {
	at := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	p := explain.Purchase{
		PurchaseID: "order-1", PurchasedAt: new(at.AddDate(0, 0, -19)), Amount: 2500, Currency: "USD", State: string(state), Reason: string(reason),
		Campaign: "invite-friends", Revision: 1, Digest: "sha256:319e25c052b414e048cc943eee0075f94bdba1e269f0aa77f868c4afa9dd73e9",
	}
	if state == "Undecided" || mode == reward.Open && state == reward.Waiting && reason == reward.Qualified {
		p.Pending, p.Unrecorded = true, explain.UnrecordedState
	}
	matures := at.AddDate(0, 0, 14)
	switch state {
	case reward.Held:
		p.MaturesAt = &matures
		fallthrough
	case reward.Granted:
		p.Credits = []explain.Credit{{Reward: "inviter", BeneficiaryID: "alice", Amount: 500, Currency: "USD"}}
	case reward.NotCounting, reward.Waiting, reward.Reversed:
	}
	p.Remedy = reward.Remedy(mode, state, reason, matures)
	found := &explain.Review{At: at, Explanation: explain.Explanation{UserID: "bob", SignedUp: true, Purchases: []explain.Purchase{p}}}
	if mode == reward.Suspended {
		found.Suspended = p.Campaign
	}
	var review v1alpha1.RewardReview
	review.Spec.UserID, review.Spec.PurchaseID = "bob", "order-1"
	review.Spec.DatabaseRef.Name = "shop"
	showUser(&review.Status, found, "order-1")
	review.Status.AnsweredAt = &metav1.Time{Time: at}
	return review
}
