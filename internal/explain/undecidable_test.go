package explain_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
)

// A user who is set aside has an answer: what is recorded, and why nothing is decided again.
func TestReviewOfAUserWhoCannotBeDecidedShowsWhatIsRecorded(t *testing.T) {
	const longText = "ALTER TABLE referral.override DROP CONSTRAINT override_verdict_check, ALTER verdict TYPE text"
	for name, test := range map[string]struct {
		altered, facts string // by the owner and by a writer, once a purchase is granted
		cause          string
	}{
		"the conditions cost too much": {
			facts: "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'carl', 'q' || CASE n WHEN 1 THEN '' ELSE n::text END, 2000, 'USD' FROM generate_series(1, 100) AS n",
			cause: "the conditions of the referee's purchases cost more than 5000000 comparisons",
		},
		"a text is too long": {
			altered: longText,
			facts:   "INSERT INTO referral.override (user_id, purchase_id, verdict) VALUES ('carl', 'q', repeat('x', 5000))",
			cause:   "the server has an id of more than 255 characters",
		},
		"a condition cannot be compiled": {
			altered: `UPDATE referral.revision SET terms = jsonb_set(terms, '{condition}', '"of a newer version"'); UPDATE referral.meta SET epoch = epoch + 1`,
			facts:   "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carl', 'q', 2000, 'USD')",
			cause:   "the condition of revision 1 cannot be compiled",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			terms := migrated.FiveDollars()
			terms.Purchases = reward.EveryPurchase
			// It costs much, and takes little time: no label begins with b.
			terms.Condition = `purchase.amount == 2500 || lists.range(300).exists(i, link.label.matches('^b((a{1,20}){1,20}){1,2}'))`
			migrated.Declare(t, w.db, "costly", terms)
			w.write(`INSERT INTO referral.link (code, campaign, referrer_id, label) VALUES ('c', 'costly', 'anna', repeat('a', 255));
				INSERT INTO referral.signup (user_id, code) VALUES ('carl', 'c');
				INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carl', 'p', 2500, 'USD')`)
			check(t, w.engine.Converge(t.Context()))
			if test.altered != "" {
				_, err := w.db.Exec(t.Context(), test.altered)
				check(t, err)
			}
			w.write(test.facts)
			for _, pending := range []string{"a change since", "could not be decided since"} {
				review, err := explain.User(t.Context(), w.db, "carl", "p")
				check(t, err)
				if diff := cmp.Diff(answer{"Granted", "Qualified", ""}, answerOf(t, review.Purchases)); diff != "" || !review.OnlyRecorded || !review.Truncated {
					t.Errorf("only recorded %t, truncated %t, %s", review.OnlyRecorded, review.Truncated, diff)
				}
				if len(review.Ledger["p"]) != 1 || len(review.Timeline) == 0 || review.Attribution == nil || review.Attribution.ReferrerID != "anna" {
					t.Errorf("ledger %+v, timeline %+v, attributed by %+v", review.Ledger, review.Timeline, review.Attribution)
				}
				if !strings.Contains(review.Undecidable, test.cause) || !strings.Contains(review.Pending, pending) {
					t.Errorf("cannot be decided: %q, pending %q; want %q and %q", review.Undecidable, review.Pending, test.cause, pending)
				}
				if review, err = explain.User(t.Context(), w.db, "carl", "q"); err != nil || len(review.Purchases) == 1 &&
					answerOf(t, review.Purchases) != (answer{"Undecided", "", "The operator cannot decide the user: tell the people who run it."}) {
					t.Errorf("error %v, purchase %+v", err, review.Purchases)
				}
				if _, err := explain.Of(t.Context(), w.reader, "carl"); !errors.Is(err, explain.ErrUndecidable) {
					t.Errorf("explained with the error %v", err)
				}
				check(t, w.engine.Converge(t.Context()))
			}
		})
	}
}
