package explain_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
)

func TestMain(m *testing.M) { testworld.Main(m) }

// decided compares what was decided; how it is described has tests of its own.
var decided = cmpopts.IgnoreFields(explain.Purchase{}, "Campaign", "Digest", "Checks", "Remedy", "PurchasedAt", "Unrecorded")

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world has a campaign that pays 5 USD for a purchase of at least 10 USD, with a cap of one pair.
type world struct {
	testing.TB
	own    *testworld.Database
	db     *postgres.DB
	reader *postgres.DB // the plain role that reads
	writer *postgres.DB // the plain role that writes
	engine *engine.Engine
}

func newWorld(t testing.TB) *world {
	t.Helper()
	own := migrated.New(t)
	w := &world{TB: t, own: own, db: migrated.Open(t, own.URI), reader: migrated.Open(t, own.ReaderURI), writer: migrated.Open(t, own.WriterURI)}
	w.engine = engine.New(w.db, engine.Options{OwnerUID: migrated.Owner.UID})
	terms := reward.Terms{
		Purchases: reward.FirstPurchase, HoldPeriod: time.Hour, MinimumAmounts: map[string]int64{"USD": 1000}, Limits: reward.Limits{PairsPerReferrer: 1},
		Rewards: []reward.Reward{{Name: "inviter", Beneficiary: reward.ToReferrer, Fixed: &reward.Money{Amount: 500, Currency: "USD"}}},
	}
	migrated.Declare(t, w.db, "friends", terms)
	w.write(`INSERT INTO referral.link (code, campaign, referrer_id, label) VALUES ('a', 'friends', 'anna', 'story');
		INSERT INTO referral.signup (user_id, code, fingerprints) VALUES ('anna', NULL, '{card}'), ('ben', 'A', '{}')`)
	return w
}

func (w *world) write(sql string) {
	w.Helper()
	_, err := w.writer.Exec(w.Context(), sql)
	check(w, err)
}

// of returns an explanation with the rights of a reader.
func (w *world) of(user string) explain.Explanation {
	w.Helper()
	e, err := explain.Of(w.Context(), w.reader, user)
	check(w, err)
	return e
}

func TestEachPurchaseIsExplained(t *testing.T) {
	for name, test := range map[string]struct {
		facts, later string // later facts are written after the engine has decided
		want         []explain.Purchase
	}{
		"a purchase that was decided": {
			facts: "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('ben', 'p', 2000, 'USD', now() + interval '1 minute')",
			want: []explain.Purchase{{PurchaseID: "p", Amount: 2000, Currency: "USD", Revision: 1, State: "Held", Reason: "HoldPeriod", Against: []string{},
				Credits: []explain.Credit{{Reward: "inviter", BeneficiaryID: "anna", Amount: 500, Currency: "USD"}}}},
		},
		"all that stands against a purchase": {
			facts: `UPDATE referral.signup SET fingerprints = '{card}' WHERE user_id = 'ben';
				INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('ben', 'p', 900, 'USD', now() - interval '1 day');
				INSERT INTO referral.override (user_id, purchase_id, verdict) VALUES ('ben', 'p', 'Deny')`,
			want: []explain.Purchase{{PurchaseID: "p", Amount: 900, Currency: "USD", Revision: 1, State: "NotCounting", Reason: "OutsideWindow",
				Against: []string{"OutsideWindow", "BelowMinimum", "SharedFingerprint", "Overridden"}, Credits: []explain.Credit{}}},
		},
		"a purchase that waits for capacity": {
			facts: `INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('carl', 'a', now() - interval '1 day');
				INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at)
				VALUES ('carl', 'p', 2000, 'USD', now() - interval '1 hour'), ('ben', 'p', 2000, 'USD', now())`,
			want: []explain.Purchase{{PurchaseID: "p", Amount: 2000, Currency: "USD", Revision: 1, State: "Waiting", Reason: "CapReached",
				Against: []string{}, Credits: []explain.Credit{}}},
		},
		"a purchase that is not decided yet": {
			later: "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 2000, 'USD')",
			want: []explain.Purchase{{PurchaseID: "p", Amount: 2000, Currency: "USD", Revision: 1, State: "Undecided", Pending: true,
				Against: []string{}, Credits: []explain.Credit{}}},
		},
		"a refund that is not decided yet": {
			facts: "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('ben', 'p', 2000, 'USD', now() + interval '1 minute')",
			later: "INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'p', '1', 1500)",
			want: []explain.Purchase{{PurchaseID: "p", Amount: 500, Currency: "USD", Revision: 1, State: "Reversed", Reason: "BelowMinimum", Pending: true,
				Against: []string{"BelowMinimum"}, Credits: []explain.Credit{}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if test.facts != "" {
				w.write(test.facts)
			}
			check(t, w.engine.Converge(t.Context()))
			if test.later != "" {
				w.write(test.later)
			}
			e := w.of("ben")
			for i := range e.Purchases {
				e.Purchases[i].MaturesAt = nil // as late as the purchase
			}
			if diff := cmp.Diff(test.want, e.Purchases, decided); diff != "" {
				t.Error(diff)
			}
			if !e.SignedUp || e.Attribution == nil || e.Attribution.ReferrerID != "anna" || e.Attribution.Label != "story" || e.Attribution.Source != "Code" {
				t.Errorf("%+v, attributed by %+v", e, e.Attribution)
			}
		})
	}
}

func TestExplanationSaysWhyASignupIsNotAttributed(t *testing.T) {
	w := newWorld(t)
	w.write("INSERT INTO referral.signup (user_id, code) VALUES ('dora', 'unknown'); INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('dora', 'p', 1000, 'USD')")
	check(t, w.engine.Converge(t.Context()))
	for user, want := range map[string]explain.Explanation{
		"dora": {UserID: "dora", SignedUp: true, NotAttributed: "NotAttributed", Purchases: []explain.Purchase{{PurchaseID: "p", State: "NotCounting", Reason: "NotAttributed",
			Against: []string{"NotAttributed"}, Credits: []explain.Credit{}}}},
		"unknown": {UserID: "unknown", NotAttributed: "NotAttributed", Purchases: []explain.Purchase{}},
	} {
		if diff := cmp.Diff(want, w.of(user), decided); diff != "" {
			t.Errorf("%s: %s", user, diff)
		}
	}
}

func TestExplanationNamesTheSuspendedCampaign(t *testing.T) {
	w := newWorld(t)
	w.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 2000, 'USD'), ('ben', 'q', 100, 'USD')")
	w.enter(reward.Suspended)
	e := w.of("ben")
	if e.Suspended != "friends" || len(e.Purchases) != 2 || e.Purchases[0].State != "Undecided" || e.Purchases[1].Reason != "BelowMinimum" {
		t.Errorf("%+v", e)
	}
}

func TestReversedPurchaseShowsEachRuleOnce(t *testing.T) {
	w := newWorld(t)
	w.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('ben', 'p', 2000, 'USD', now() + interval '1 minute')")
	check(t, w.engine.Converge(t.Context()))
	w.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'p', '1', 2000)")
	check(t, w.engine.Converge(t.Context()))
	shown := map[string]int{}
	for _, c := range w.of("ben").Purchases[0].Checks {
		shown[c.Rule]++
	}
	for rule, times := range shown {
		if times > 1 {
			t.Errorf("rule %s is shown %d times", rule, times)
		}
	}
	if len(shown) < 10 {
		t.Errorf("only %d rules are shown", len(shown))
	}
}

// A purchase of the first moment of the year 1, which is Go's zero time, or before it is there; one
// whose row is missing is not.
func TestPurchaseBeforeTheYear1IsNotMissing(t *testing.T) {
	w := newWorld(t)
	w.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('carl', 'a', '4000-01-01 BC');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('carl', 'p', 2000, 'USD', '4000-01-02 BC')`)
	check(t, w.engine.Converge(t.Context()))
	purchasedAt := func() *time.Time {
		review, err := explain.User(t.Context(), w.db, "carl", "")
		check(t, err)
		if len(review.Purchases) != 1 {
			t.Fatalf("%+v", review.Purchases)
		}
		return review.Purchases[0].PurchasedAt
	}
	if at := purchasedAt(); at == nil || !at.Equal(postgres.EarliestTime) {
		t.Errorf("purchased at %s", at)
	}
	w.write("DELETE FROM referral.purchase WHERE user_id = 'carl'")
	if at := purchasedAt(); at != nil {
		t.Errorf("purchased at %s, and the row is missing", at)
	}
}

// JSON has no times after the year 9999. A hold may end there, and SQL may write any.
func TestTimesAfterTheYear9999AreShownAsTheLastOfIt(t *testing.T) {
	w := newWorld(t)
	w.write(`INSERT INTO referral.touch (visitor_id, code, touched_at) VALUES ('v', 'a', '11000-01-01');
		INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('carl', 'v', '11000-01-02');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('carl', 'p', 2000, 'USD', '11000-01-03')`)
	check(t, w.engine.Converge(t.Context()))
	e := w.of("carl")
	if _, err := json.Marshal(e); err != nil {
		t.Error(err)
	}
	last := postgres.LatestTime
	if e.Attribution == nil || !e.Attribution.TouchedAt.Equal(last) || len(e.Purchases) != 1 || e.Purchases[0].MaturesAt == nil || !e.Purchases[0].MaturesAt.Equal(last) {
		t.Errorf("%+v, attributed by %+v", e, e.Attribution)
	}
	review, err := explain.User(t.Context(), w.db, "carl", "")
	check(t, err)
	for _, event := range review.Timeline {
		if event.At.After(last) {
			t.Errorf("%+v", event)
		}
	}
	for _, at := range []*time.Time{e.Purchases[0].PurchasedAt, review.Purchases[0].PurchasedAt} {
		if at == nil || !at.Equal(last) {
			t.Errorf("purchased at %s", at)
		}
	}
	for _, statement := range []string{
		`INSERT INTO referral.ledger (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason, entered_at)
			VALUES ('carl', 'p', 'inviter', 1, 'friends', 1, 'anna', 500, 'USD', 'Grant', 'Matured', '11000-01-04')`,
		"INSERT INTO referral.change (shard, kind, key, enqueued_at) VALUES (0, 'Referee', 'carl', '11000-01-05')",
		"INSERT INTO referral.set_aside (user_id, cause, since) VALUES ('carl', 'x', '11000-01-06')",
	} {
		_, err := w.db.Exec(t.Context(), statement)
		check(t, err)
	}
	review, err = explain.User(t.Context(), w.db, "carl", "")
	check(t, err)
	if entries := review.Ledger["p"]; len(entries) != 1 || !entries[0].At.Equal(last) {
		t.Errorf("ledger: %+v", entries)
	}
	if strings.Count(review.Pending, "since 9999-12-31T23:59:59Z") != 2 {
		t.Errorf("pending: %s", review.Pending)
	}
	friends, err := explain.OfReferrer(t.Context(), w.reader, "anna", "")
	check(t, err)
	if len(friends.Newest) == 0 || !friends.Newest[0].SignedUpAt.Equal(last) {
		t.Errorf("friends: %+v", friends.Newest)
	}
}

// The recorded state is out of date; the next one depends on the capacity.
func TestReversedPurchaseThatCountsAgainIsUndecided(t *testing.T) {
	w := newWorld(t)
	w.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('ben', 'p', 2000, 'USD', now() + interval '1 minute')")
	check(t, w.engine.Converge(t.Context()))
	w.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'p', '1', 2000)")
	check(t, w.engine.Converge(t.Context()))
	w.write("DELETE FROM referral.refund")
	want := []explain.Purchase{{PurchaseID: "p", Amount: 2000, Currency: "USD", Revision: 1, State: "Undecided", Pending: true,
		Against: []string{}, Credits: []explain.Credit{}}}
	if diff := cmp.Diff(want, w.of("ben").Purchases, decided); diff != "" {
		t.Error(diff)
	}
}
