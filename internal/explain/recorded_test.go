package explain_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// A user with too many facts is not decided again: what follows from decisions alone is left out.
var undecidable = cmp.Options{
	cmpopts.IgnoreFields(explain.Review{}, "At", "Truncated", "OnlyRecorded"),
	cmpopts.IgnoreFields(explain.Purchase{}, "Against", "Checks"),
	cmpopts.IgnoreUnexported(explain.Attribution{}),
}

// tooManyFacts is more rows than the 4 MiB of an explanation hold, at 512 bytes each.
const tooManyFacts = 9000

// tooMany adds facts that no purchase of before depends on: purchases a day before the signup.
func (w *world) tooMany(user string) {
	w.Helper()
	w.write(fmt.Sprintf(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at)
		SELECT '%s', 'q' || n, 2000, 'USD', now() - interval '9 days' FROM generate_series(1, %d) AS n`, user, tooManyFacts))
	check(w, w.engine.Converge(w.Context()))
}

// What is recorded of a user does not depend on how many facts there are.
func TestReviewOfTooManyFactsShowsWhatIsRecorded(t *testing.T) {
	const touched = `INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at)
			VALUES ('v', '1', 'a', now() - interval '3 days'), ('v', '2', 'a', now() - interval '2 days'), ('v', '3', 'none', now() - interval '50 hours');
		INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('carl', 'v', now() - interval '1 day');`
	const bought = `INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('carl', 'p', 2000, 'USD', now() - interval '1 minute');
		INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('carl', 'p', '1', 300), ('carl', 'p', '2', 400);`
	for name, test := range map[string]struct{ facts, later string }{
		"a held purchase": {facts: touched + bought},
		"a granted purchase": {facts: touched + bought,
			later: "UPDATE referral.purchase SET purchased_at = now() - interval '2 hours' WHERE user_id = 'carl'"},
		"a touch after the attribution is kept": {facts: touched + bought,
			later: "INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v', '4', 'a', now() - interval '30 hours')"},
		"a typed code": {facts: `INSERT INTO referral.touch (visitor_id, code, touched_at) VALUES ('v', 'a', now() - interval '2 days');
			INSERT INTO referral.signup (user_id, visitor_id, code, signed_up_at) VALUES ('carl', 'v', ' A ', now() - interval '1 day');` + bought},
		"a typed code whose link has expired": {facts: `UPDATE referral.link SET expires_at = now() - interval '36 hours';
			INSERT INTO referral.touch (visitor_id, code, touched_at) VALUES ('v', 'a', now() - interval '2 days');
			INSERT INTO referral.signup (user_id, visitor_id, code, signed_up_at) VALUES ('carl', 'v', 'a', now() - interval '1 day');`},
		"no signup": {facts: "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carl', 'p', 2000, 'USD')"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.write(test.facts)
			check(t, w.engine.Converge(t.Context()))
			if test.later != "" {
				w.write(test.later)
				check(t, w.engine.Converge(t.Context()))
			}
			want, err := explain.User(t.Context(), w.db, "carl", "p")
			check(t, err)
			w.tooMany("carl")
			got, err := explain.User(t.Context(), w.db, "carl", "p")
			check(t, err)
			if want.OnlyRecorded || !got.OnlyRecorded || !got.Truncated {
				t.Fatalf("only recorded: %t, then %t", want.OnlyRecorded, got.OnlyRecorded)
			}
			want.NotAttributed = ""
			want.Timeline, got.Timeline = touches(want.Timeline), touches(got.Timeline)
			for i := range want.Purchases {
				if p := &want.Purchases[i]; p.State == "NotCounting" { // no row says why, nor under which terms
					p.Reason, p.Remedy, p.Campaign, p.Revision, p.Digest = "", "", "", 0, ""
					p.Amount, p.Currency = 2000, "USD"
				}
			}
			if diff := cmp.Diff(want, got, undecidable, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-few facts +many)\n%s", diff)
			}
		})
	}
}

func touches(events []explain.Event) (touches []explain.Event) {
	for _, e := range events {
		if e.What == "Touched" {
			touches = append(touches, e)
		}
	}
	return touches
}

func TestReviewOfTooManyFactsNamesTheSuspendedCampaign(t *testing.T) {
	w := newWorld(t)
	w.tooMany("ben")
	w.enter(reward.Suspended)
	review, err := explain.User(t.Context(), w.db, "ben", "none")
	check(t, err)
	if review.Suspended != "friends" || !review.OnlyRecorded || len(review.Purchases) > 0 {
		t.Errorf("%+v", review)
	}
}

// A purchase without a pair counts not, unless the user is still to be decided.
func TestPurchaseOfTooManyFactsIsUndecidedOnlyWhileItIs(t *testing.T) {
	w := newWorld(t)
	w.tooMany("ben")
	for _, step := range []struct {
		name, sql string // by the owner
		want      explain.Purchase
	}{
		{"decided", "", explain.Purchase{State: "NotCounting"}},
		{"changed", "INSERT INTO referral.change (shard, kind, key) VALUES (0, 'Referee', 'ben')", explain.Purchase{State: "Undecided", Pending: true}},
		{"set aside", "DELETE FROM referral.change; INSERT INTO referral.set_aside (user_id, cause) VALUES ('ben', 'x')", explain.Purchase{State: "Undecided", Pending: true}},
	} {
		if step.sql != "" {
			_, err := w.db.Exec(t.Context(), step.sql)
			check(t, err)
		}
		review, err := explain.User(t.Context(), w.db, "ben", "")
		check(t, err)
		if len(review.Purchases) != 20 {
			t.Fatalf("%s: %d purchases", step.name, len(review.Purchases))
		}
		for _, p := range review.Purchases {
			if p.State != step.want.State || p.Pending != step.want.Pending || p.Reason != "" {
				t.Errorf("%s: %+v", step.name, p)
			}
		}
	}
}
