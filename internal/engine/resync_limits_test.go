package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// tenPercent holds 10 % of each purchase for two days.
func tenPercent() reward.Terms {
	terms := fiveDollars()
	terms.HoldPeriod = 48 * time.Hour
	terms.Rewards[0].Fixed, terms.Rewards[0].Percentage = nil, &reward.Percentage{Rate: "10"}
	return terms
}

func withBudget(amount int64) func(*database.Declaration) {
	return func(d *database.Declaration) { d.Budget = &database.Money{Amount: amount, Currency: "USD"} }
}

// newGrowing returns a shop in which dave's pair, held at 400 of a budget of 500, waits for 500
// more.
func newGrowing(t *testing.T) *shop {
	t.Helper()
	return newShopWith(t, "a growing pair", func(s *shop) {
		s.declare("invite", tenPercent(), withBudget(500))
		s.write(link)
		s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('dave', 'alice1', now() - interval '1 h')`)
		s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('dave', 'p', 4000, 'USD')`)
		s.converge()
		s.write(`UPDATE referral.purchase SET amount = 9000`)
		s.converge()
		s.expect("held", "SELECT amount FROM referral.credit", "400")
	})
}

// Whatever is missing or altered of a growing pair, a restore gives it no more than the budget has.
func TestResyncRestoresNothingPastABudget(t *testing.T) {
	for name, damage := range map[string]string{
		"ordinal altered (input 10)": `UPDATE referral.pair SET ordinal = 7`,
		"order altered":              `UPDATE referral.pair SET admission_order = 999`,
		"reason altered":             `UPDATE referral.pair SET reason = 'HoldPeriod'`,
		"called granted":             `UPDATE referral.pair SET state = 'Granted'`,
		"two columns altered":        `UPDATE referral.pair SET ordinal = 7, matures_at = now()`,
		"credit deleted":             `DELETE FROM referral.credit`,
		"credit raised":              `UPDATE referral.credit SET amount = 900`,
		"pair deleted":               `DELETE FROM referral.pair`,
		"attribution deleted":        `DELETE FROM referral.attribution`,
		"credit counter lowered":     `UPDATE referral.credit_count SET held = 0`,
		"credit counter and credit":  `UPDATE referral.credit_count SET held = 0; DELETE FROM referral.credit`,
		"purchase raised as well":    `UPDATE referral.purchase SET amount = 90000; UPDATE referral.pair SET ordinal = 7`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newGrowing(t)
			s.behind(damage)
			for range 2 {
				s.resync()
				s.converge()
				if held := s.count("SELECT coalesce(sum(amount), 0)::bigint FROM referral.credit"); held > 500 {
					t.Fatalf("held %d of 500", held)
				}
			}
			s.expect("pairs", "SELECT state, reason FROM referral.pair", "Held BudgetExhausted")
		})
	}
}

// A held pair that is postponed without a reason would never mature.
func TestResyncFindsAHeldPairThatIsPostponed(t *testing.T) {
	for _, user := range []string{"dave", "bob"} { // held, and granted
		t.Run(user, func(t *testing.T) {
			s := newCrowd(t)
			s.behind("UPDATE referral.pair SET postponed = true WHERE user_id = '" + user + "'")
			s.resync()
			s.expect("postponed", "SELECT FROM referral.pair WHERE postponed")
			s.drifted(1)
		})
	}
}

// A purchase that came after its campaign was closed leaves a deferral. That postpones no pair which
// was admitted before: its hold goes on.
func TestResyncFindsAHeldPairThatIsPostponedInAClosedCampaign(t *testing.T) {
	s := newShop(t)
	s.declare("invite", twoSided())
	s.write(link)
	s.write(`INSERT INTO referral.signup (user_id, code) VALUES ('bob', 'alice1')`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', 'p1', 2500, 'USD')`)
	s.converge()
	_, err := database.CloseCampaign(t.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite", UID: "invite-uid"})
	testworld.Must(t, err)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', 'p2', 2500, 'USD')`)
	s.converge()
	s.expect("deferred", "SELECT campaign, user_id FROM referral.deferred", "invite bob")
	s.clean()
	s.behind("UPDATE referral.pair SET postponed = true")
	if found, _ := s.verify(); !slices.Contains(found, "held pair that is postponed for no reason: bob/p1") {
		t.Errorf("a verification finds %q", found)
	}
	s.resync()
	s.expect("pairs", "SELECT purchase_id, state, postponed FROM referral.pair", "p1 Held false")
	s.drifted(1)
	s.clean()
}

// A pair of a suspended campaign may be postponed, until it is resumed.
func TestPostponedPairOfASuspendedCampaignIsNoDrift(t *testing.T) {
	s := newShop(t)
	s.declare("invite", twoSided())
	s.write(link)
	s.write(`INSERT INTO referral.signup (user_id, code) VALUES ('bob', 'alice1')`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', 'p1', 2500, 'USD')`)
	s.converge()
	s.declare("invite", twoSided(), inMode(reward.Suspended, 2))
	s.converge()
	s.expect("deferred", "SELECT campaign, user_id FROM referral.deferred", "invite bob")
	s.behind("UPDATE referral.pair SET postponed = true")
	s.request()
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.expect("pairs", "SELECT postponed FROM referral.pair", "true")
	s.expect("drift", "SELECT coalesce(sum(drift_corrected), 0)::int FROM referral.resync_campaign", "0")
	s.clean()
	s.declare("invite", twoSided(), inMode(reward.Open, 3))
	s.converge()
	s.expect("pairs once it is resumed", "SELECT postponed FROM referral.pair", "false")
}

// pendingOfCarol enqueues a change of that kind, which reaches carol.
func pendingOfCarol(kind, names string) string {
	keys := map[string]string{"User": "carol", "Code": "ann1", "Referrer": "ann", "Campaign": "invite", "Visitor": "v7"}
	return fmt.Sprintf(`UPDATE referral.signup SET visitor_id = 'v7' WHERE user_id = 'carol';
		INSERT INTO referral.change (shard, kind, key) VALUES (referral.shard_of('%s'), '%s', '%[1]s')`, keys[names], kind)
}

// A difference for which a change of any kind is pending is not drift.
func TestPendingChangesOfAnyKindAreNoDrift(t *testing.T) {
	for kind, names := range engine.ChangeKinds() {
		t.Run(kind, func(t *testing.T) {
			s := newCrowd(t)
			s.behind("DELETE FROM referral.refund", pendingOfCarol(kind, names))
			s.request()
			testworld.Must(t, s.engine.Resync(t.Context()))
			s.expect("pairs", "SELECT state FROM referral.pair WHERE user_id = 'carol'", "Reversed")
			s.expect("drift", "SELECT coalesce(sum(drift_corrected), 0)::int FROM referral.resync_campaign", "0")
		})
	}
	t.Run("Visitor whose touch attributes anew", func(t *testing.T) {
		s := newCrowd(t)
		s.write(`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v9', 't8', 'ann1', now() - interval '90 min')`)
		s.request()
		testworld.Must(t, s.engine.Resync(t.Context()))
		s.expect("attribution", "SELECT code FROM referral.attribution WHERE user_id = 'finn'", "alice1")
		s.converge()
		s.drifted(0)
	})
}

// The next tier of its referrer changes what a waiting pair needs, while its re-evaluation is
// pending.
func TestPendingReevaluationOfAReferrerIsNoDrift(t *testing.T) {
	s := newShop(t)
	tiered := fiveDollars()
	tiered.Rewards[0].Fixed = nil
	tiered.Rewards[0].Tiers = []reward.Tier{{FromPair: 1, Fixed: reward.Money{Amount: 500, Currency: "USD"}}, {FromPair: 2, Fixed: reward.Money{Amount: 1000, Currency: "USD"}}}
	s.declare("invite", tiered, withBudget(1400))
	s.write(link)
	for _, user := range []string{"a", "b"} {
		s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ($1, 'alice1', now() - interval '1 h')`, user)
		s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, 'p', 900, 'USD')`, user)
		s.converge()
	}
	s.expect("pairs", "SELECT user_id, state FROM referral.pair ORDER BY 1", "a Granted", "b Waiting")
	s.behind(`UPDATE referral.campaign SET budget_amount = 2000`, `UPDATE referral.meta SET epoch = epoch + 1`,
		`UPDATE referral.attribution SET facts = 7`, // makes the resync compare both
		`INSERT INTO referral.allocation_request (campaign) VALUES ('invite')`)
	s.request()
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.expect("pairs", "SELECT user_id, state FROM referral.pair ORDER BY 1", "a Granted", "b Waiting")
	s.expect("drift", "SELECT coalesce(sum(drift_corrected), 0)::int FROM referral.resync_campaign", "0")
	s.converge()
	s.expect("pairs", "SELECT user_id, state FROM referral.pair ORDER BY 1", "a Granted", "b Granted")
	s.drifted(0)
}

// A corrected counter of a limited campaign changes its capacity, so an allocation is requested.
func TestCounterPutRightEnqueuesTheCampaign(t *testing.T) {
	for name, damage := range map[string]string{
		"credit counter":   `UPDATE referral.credit_count SET granted = granted + 1000`,
		"referrer counter": `UPDATE referral.referrer SET pairs = pairs + 2`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			capped := fiveDollars()
			capped.Limits.PairsPerReferrer = 3
			s.declare("invite", capped, withBudget(1500))
			s.write(link)
			s.behind(`INSERT INTO referral.credit_count (campaign, shard, currency) VALUES ('invite', 0, 'USD')`, `INSERT INTO referral.referrer (campaign, referrer_id) VALUES ('invite', 'alice')`)
			s.behind(damage)
			s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) SELECT 'u' || n, 'alice1', now() - interval '1 h' FROM generate_series(1, 3) AS n`)
			s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 900, 'USD' FROM generate_series(1, 3) AS n`)
			testworld.Must(t, s.engine.Converge(t.Context()))
			s.expect("pairs before", "SELECT state, count(*) FROM referral.pair GROUP BY 1 ORDER BY 1", "Granted 1", "Waiting 2")
			s.request()
			testworld.Must(t, s.engine.Resync(t.Context()))
			s.converge()
			s.expect("pairs", "SELECT state, count(*) FROM referral.pair GROUP BY 1", "Granted 3")
		})
	}
}

// A row of the waitlist that was altered, is missing or has no pair is put right, and the same
// pairs are admitted as without the damage.
func TestResyncPutsTheWaitlistRight(t *testing.T) {
	capped := fiveDollars()
	capped.Limits.PairsPerReferrer = 10
	for name, damage := range map[string]string{
		"nothing":                  "SELECT",
		"campaign":                 "UPDATE referral.waitlist SET campaign = 'other' WHERE user_id = 'u2'",
		"referrer":                 "UPDATE referral.waitlist SET referrer_id = 'mallory' WHERE user_id = 'u2'",
		"admission order":          "UPDATE referral.waitlist SET admission_order = admission_order + 1000 WHERE user_id = 'u2'",
		"growing":                  "UPDATE referral.waitlist SET growing = true WHERE user_id = 'u2'",
		"least need":               "UPDATE referral.waitlist SET least_need = 100000 WHERE user_id = 'u2'",
		"tiers":                    "UPDATE referral.waitlist SET tier_starts = '{1}', tier_needs = '{100000}' WHERE user_id = 'u2'",
		"edit":                     "UPDATE referral.waitlist SET edit = edit + 1000 WHERE user_id = 'u2'",
		"passed over":              "UPDATE referral.waitlist SET passed_over = true WHERE user_id = 'u2'",
		"checksum":                 "UPDATE referral.waitlist SET checksum = 7 WHERE user_id = 'u2'",
		"row lost":                 "DELETE FROM referral.waitlist WHERE user_id = 'u2'",
		"row of another purchase":  "UPDATE referral.waitlist SET purchase_id = 'x' WHERE user_id = 'u2'",
		"row of another referee":   "UPDATE referral.waitlist SET user_id = 'x' WHERE user_id = 'u2'",
		"pair lost":                "DELETE FROM referral.pair WHERE user_id = 'u2'",
		"referrer's least need":    "UPDATE referral.waitlist_referrer SET least_need = 100000",
		"referrer's admitted":      "UPDATE referral.waitlist_referrer SET admitted = 1000",
		"referrer's row lost":      "DELETE FROM referral.waitlist_referrer",
		"referrer's row for none":  "INSERT INTO referral.waitlist_referrer VALUES ('invite', 'mallory', 0, 0)",
		"referrer's row elsewhere": "UPDATE referral.waitlist_referrer SET referrer_id = 'mallory'",
	} {
		t.Run(name, func(t *testing.T) {
			s := newShopWith(t, "two waiting pairs", func(s *shop) {
				s.declare("invite", capped, withBudget(500))
				s.write(link)
				s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) SELECT 'u' || n, 'alice1', now() - interval '1 h' FROM generate_series(1, 3) AS n`)
				for n := range 3 {
					s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, 'p', 900, 'USD')`, fmt.Sprint("u", n+1))
					s.converge()
				}
			})
			s.behind(damage)
			s.resync()
			s.converge()
			s.expect("pairs", "SELECT user_id, state FROM referral.pair ORDER BY 1", "u1 Granted", "u2 Waiting", "u3 Waiting")
			quiet := s.written()
			s.resync()
			if again := s.written(); again != quiet {
				t.Errorf("the second resync wrote something")
			}
			s.declare("invite", capped, withBudget(1000), inMode(reward.Open, 2))
			s.converge()
			s.expect("pairs", "SELECT user_id, state FROM referral.pair ORDER BY 1", "u1 Granted", "u2 Granted", "u3 Waiting")
		})
	}
}
