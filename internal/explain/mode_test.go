package explain_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// enter sets the mode of the campaign.
func (w *world) enter(mode reward.Mode) {
	w.Helper()
	w.setCampaign("mode = '" + string(mode) + "'")
}

// setCampaign sets columns of the campaign.
func (w *world) setCampaign(columns string) {
	w.Helper()
	_, err := w.db.Exec(w.Context(), "UPDATE referral.campaign SET "+columns+"; UPDATE referral.meta SET epoch = epoch + 1")
	check(w, err)
}

// answer is what a person reads first about a purchase.
type answer struct{ State, Reason, Remedy string }

func answerOf(t *testing.T, purchases []explain.Purchase) answer {
	t.Helper()
	if len(purchases) != 1 {
		t.Fatalf("%d purchases: %+v", len(purchases), purchases)
	}
	return answer{purchases[0].State, purchases[0].Reason, purchases[0].Remedy}
}

// carlAndBen has a purchase of carl that is held, and one of ben that waits for the cap.
func carlAndBen(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('carl', 'a', now() - interval '2 minutes');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at)
		VALUES ('carl', 'p', 2000, 'USD', now() - interval '1 minute'), ('ben', 'p', 2000, 'USD', now())`)
	check(t, w.engine.Converge(t.Context()))
	return w
}

func TestWaitingPurchaseIsExplainedByTheModeOfItsCampaign(t *testing.T) {
	w := carlAndBen(t)
	for mode, want := range map[reward.Mode]answer{
		reward.Open:          {"Waiting", "CapReached", capRemedy},
		reward.Suspended:     {"Waiting", "CapReached", "The purchase keeps its place and waits until the campaign is resumed."},
		reward.PolicyMissing: {"Waiting", "CapReached", "The purchase keeps its place and waits until the campaign has a policy again."},
		reward.Closed: {"Waiting", "CampaignDeleted",
			"The campaign was deleted. The purchase keeps its place and waits until the campaign is declared again."},
	} {
		t.Run(string(mode), func(t *testing.T) {
			w.enter(mode)
			if diff := cmp.Diff(want, answerOf(t, w.of("ben").Purchases)); diff != "" {
				t.Error(diff)
			}
			friends, err := explain.OfReferrer(t.Context(), w.reader, "anna", "")
			check(t, err)
			for _, f := range friends.Newest {
				if f.UserID == "ben" && (f.State != want.State || f.Reason != want.Reason) {
					t.Errorf("as a friend: %+v", f)
				}
			}
		})
	}
}

func TestHeldPurchaseOfASuspendedCampaignIsGrantedOnceItIsResumed(t *testing.T) {
	w := carlAndBen(t)
	for mode, want := range map[reward.Mode]string{
		reward.Open:          "Nothing needs to be done: the credit is granted at ",
		reward.Suspended:     "The credit is granted once the campaign is resumed, but not before ",
		reward.PolicyMissing: "Nothing needs to be done: the credit is granted at ",
		reward.Closed:        "Nothing needs to be done: the credit is granted at ",
	} {
		w.enter(mode)
		if got := answerOf(t, w.of("carl").Purchases); got.Reason != "HoldPeriod" || !strings.HasPrefix(got.Remedy, want) {
			t.Errorf("%s: %+v", mode, got)
		}
	}
}

// In a closed campaign neither a larger purchase nor a withdrawn refund earns anything.
func TestPurchaseThatEarnsNothingInADeletedCampaignNeedsItsDeclaration(t *testing.T) {
	w := newWorld(t)
	w.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 2000, 'USD')")
	check(t, w.engine.Converge(t.Context()))
	w.enter(reward.Closed)
	w.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'q', 900, 'USD');
		INSERT INTO referral.override (user_id, purchase_id, verdict) VALUES ('ben', 'q', 'Deny');
		INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'p', '1', 2000)`)
	check(t, w.engine.Converge(t.Context()))
	const remedy = "The campaign was deleted. Only declaring it again can credit the purchase."
	for id, want := range map[string]answer{
		"p": {"Reversed", "Refunded", remedy}, "q": {"NotCounting", "CampaignDeleted", remedy},
	} {
		review, err := explain.User(t.Context(), w.db, "ben", id)
		check(t, err)
		if diff := cmp.Diff(want, answerOf(t, review.Purchases)); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
	}
	for _, p := range w.of("ben").Purchases {
		if p.PurchaseID == "q" && !slices.Equal(p.Against, []string{"CampaignDeleted", "BelowMinimum", "Overridden"}) {
			t.Errorf("against q: %q", p.Against)
		}
	}
}

// Of a user with too many facts only what is recorded is shown.
func TestRecordedPurchaseIsExplainedByTheModeOfItsCampaign(t *testing.T) {
	w := carlAndBen(t)
	w.write(fmt.Sprintf(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at)
		SELECT user_id, 'q' || n, 2000, 'USD', now() - interval '1 day'
		  FROM unnest(ARRAY['ben', 'carl']) AS user_id, generate_series(1, %d) AS n`, tooManyFacts))
	w.enter(reward.Closed)
	review, err := explain.User(t.Context(), w.db, "ben", "p")
	check(t, err)
	want := answer{"Waiting", "CampaignDeleted", "The campaign was deleted. The purchase keeps its place and waits until the campaign is declared again."}
	if diff := cmp.Diff(want, answerOf(t, review.Purchases)); diff != "" || !review.Truncated {
		t.Errorf("truncated: %t, %s", review.Truncated, diff)
	}
	w.enter(reward.Suspended)
	review, err = explain.User(t.Context(), w.db, "carl", "p")
	check(t, err)
	if got := answerOf(t, review.Purchases); !strings.Contains(got.Remedy, "once the campaign is resumed") {
		t.Errorf("%+v", got)
	}
}
