package engine_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The shop's story, one statement per fact.
const (
	link     = `INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('alice1', 'invite', 'alice')`
	touch    = `INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v1', 't1', 'ALICE1', now() - interval '2 h')`
	signup   = `INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('bob', 'v1', now() - interval '1 h')`
	typed    = `INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('bob', 'Alice1', now() - interval '1 h')`
	purchase = `INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', 'p1', 2500, 'USD')`
	refund   = `INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('bob', 'p1', 'r1', 2500)`
)

const granted = "bob p1 inviter 1 Grant Qualified 500 USD alice"

func TestCreditComesWithThePurchaseAndGoesWithItsRefund(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for _, fact := range []string{link, touch, signup} {
		s.write(fact)
	}
	s.converge()
	s.expect("ledger before the purchase", ledger)
	s.expect("awaiting", "SELECT sum(awaiting_purchase)::int FROM referral.pair_count", "1")

	s.write(purchase)
	s.converge()
	s.expect("pairs", pairs, "bob p1 Granted Qualified")
	s.expect("ledger", ledger, granted)
	s.expect("balances", balances, "alice USD 500 0")
	s.expect("ordinal", "SELECT ordinal FROM referral.pair", "1")

	s.write(refund)
	s.converge()
	s.expect("pairs", pairs, "bob p1 Reversed Refunded")
	s.expect("ledger", ledger, granted, "bob p1 inviter 2 Reversal Refunded -500 USD alice")
	s.expect("balances", balances)
	s.expect("changes left", "SELECT FROM referral.change")
}

func TestFactsCountInAnyOrderOfArrival(t *testing.T) {
	for _, facts := range [][]string{
		{purchase, signup, touch, link},
		{purchase, link, touch, signup},
		{signup, purchase, link, touch},
		{touch, link, purchase, signup},
		{purchase, typed, link},
		{link, purchase, typed},
	} {
		s := newShop(t)
		for i, fact := range facts {
			if i == len(facts)/2 {
				s.declare("invite", fiveDollars())
			}
			s.write(fact)
			s.converge()
		}
		s.expect(fmt.Sprintf("ledger after %q", facts), ledger, granted)
	}
	t.Run("the campaign last", func(t *testing.T) {
		s := newShop(t)
		for _, fact := range []string{purchase, signup, touch, link} {
			s.write(fact)
			s.converge()
		}
		s.expect("ledger of an undeclared campaign", ledger)
		s.declare("invite", fiveDollars())
		s.converge()
		s.expect("ledger", ledger, granted)
	})
	t.Run("the refund first", func(t *testing.T) {
		s := newShop(t)
		s.declare("invite", fiveDollars())
		for _, fact := range []string{refund, purchase, signup, touch, link} {
			s.write(fact)
			s.converge()
		}
		s.expect("ledger", ledger)
		s.expect("pairs", pairs)
		s.write("DELETE FROM referral.refund")
		s.converge()
		s.expect("ledger when the refund is withdrawn", ledger, granted)
	})
}

func TestConvergedDatabaseIsNotWrittenTo(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for _, fact := range []string{link, touch, signup, purchase} {
		s.write(fact)
	}
	s.converge()
	state := func() []string {
		return s.rows(`SELECT xmin::text FROM referral.pair UNION ALL SELECT xmin::text FROM referral.attribution
			UNION ALL SELECT xmin::text FROM referral.credit UNION ALL SELECT xmin::text FROM referral.engine_account
			UNION ALL SELECT xmin::text FROM referral.ledger UNION ALL SELECT xmin::text FROM referral.pair_count`)
	}
	before := state()
	s.write("UPDATE referral.purchase SET amount = amount")
	s.converge()
	if got := state(); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("a batch without a difference wrote something: %v became %v", before, got)
	}
}

func TestPairIsHeldUntilItMatures(t *testing.T) {
	s := newShop(t)
	terms := fiveDollars()
	terms.HoldPeriod = time.Hour
	s.declare("invite", terms)
	for _, fact := range []string{link, touch, signup, purchase} {
		s.write(fact)
	}
	s.converge()
	s.expect("pairs", pairs, "bob p1 Held HoldPeriod")
	s.expect("ledger", ledger)
	s.expect("balances", balances, "alice USD 0 500")

	// The hold has ended when the engine polls again; no fact changes.
	s.asOwner("UPDATE referral.pair SET matures_at = now()")
	s.asOwner("ALTER TABLE referral.purchase DISABLE TRIGGER USER")
	s.asOwner("UPDATE referral.purchase SET purchased_at = purchased_at - interval '1 h'")
	s.asOwner("UPDATE referral.attribution SET touched_at = touched_at - interval '1 h'")
	s.converge()
	s.expect("pairs", pairs, "bob p1 Granted Qualified")
	s.expect("ledger", ledger, granted)
	s.expect("balances", balances, "alice USD 500 0")
}

func TestSuspendedCampaignMovesNothingAndLosesNothing(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for _, fact := range []string{link, touch, signup, purchase} {
		s.write(fact)
	}
	s.converge()
	s.declare("invite", fiveDollars(), inMode(reward.Suspended, 2))
	s.write(refund)
	s.write(`INSERT INTO referral.signup (user_id, code) VALUES ('carol', 'alice1')`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carol', 'p2', 900, 'USD')`)
	s.converge()
	s.expect("ledger while suspended", ledger, granted)
	s.expect("changes left", "SELECT FROM referral.change")

	s.declare("invite", fiveDollars(), inMode(reward.Open, 3))
	s.converge()
	s.expect("ledger after", ledger, granted, "bob p1 inviter 2 Reversal Refunded -500 USD alice",
		"carol p2 inviter 1 Grant Qualified 500 USD alice")
	s.expect("deferred", "SELECT FROM referral.deferred")
}

func TestMaturedPairOfASuspendedCampaignIsPostponed(t *testing.T) {
	s := newShop(t)
	terms := fiveDollars()
	terms.HoldPeriod = 2 * time.Hour
	s.declare("invite", terms)
	for _, fact := range []string{link, touch, signup, purchase} {
		s.write(fact)
	}
	s.converge()
	s.declare("invite", terms, inMode(reward.Suspended, 2))
	s.asOwner("UPDATE referral.pair SET matures_at = now()")
	s.converge() // returns only when nothing is due
	s.expect("pairs", pairs, "bob p1 Held HoldPeriod")
	s.declare("invite", terms, inMode(reward.Open, 3))
	s.converge()
	s.expect("due again", "SELECT postponed FROM referral.pair", "false")
}

func TestWithoutItsPolicyACampaignAdmitsNothingUntilItIsBack(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for _, fact := range []string{link, touch, signup, purchase} {
		s.write(fact)
	}
	s.converge()
	s.declare("invite", fiveDollars(), inMode(reward.PolicyMissing, 1))
	s.write(`INSERT INTO referral.signup (user_id, code) VALUES ('carol', 'alice1')`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carol', 'p2', 900, 'USD')`)
	s.write(refund)
	s.converge()
	s.expect("pairs", pairs, "bob p1 Reversed Refunded", "carol p2 Waiting Qualified")
	s.declare("invite", fiveDollars(), inMode(reward.Open, 1))
	s.converge()
	s.expect("pairs", pairs, "bob p1 Reversed Refunded", "carol p2 Granted Qualified")
}

func TestExpansionsReachAllRefereesInBoundedSteps(t *testing.T) {
	const many = 25
	for name, last := range map[string]string{
		"a link":     link,
		"a campaign": "",
		"a touch":    touch,
	} {
		t.Run(name+" last", func(t *testing.T) {
			s := newShop(t)
			s.engine = s.newEngine(engine.Options{BatchSize: 3})
			if last != "" {
				s.declare("invite", fiveDollars())
			}
			for _, fact := range []string{link, touch} {
				if fact != last {
					s.write(fact)
				}
			}
			s.write(`INSERT INTO referral.signup (user_id, visitor_id, code) SELECT 'u' || n, 'v1', CASE WHEN $2 THEN 'alice1' END FROM generate_series(1, $1::int) n`, many, last != touch)
			s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 900, 'USD' FROM generate_series(1, $1::int) n`, many)
			s.converge()
			s.expect("pairs before", "SELECT count(*) FROM referral.pair", "0")
			if last == "" {
				s.declare("invite", fiveDollars())
			} else {
				s.write(last)
			}
			s.converge()
			s.expect("pairs", "SELECT count(*), sum(ordinal)::int FROM referral.pair", fmt.Sprint(many, many*(many+1)/2))
		})
	}
}

func TestReferrersSignupReachesTheirReferees(t *testing.T) {
	s := newShop(t)
	s.engine = s.newEngine(engine.Options{BatchSize: 2})
	s.declare("invite", fiveDollars())
	s.write(link)
	s.write(`INSERT INTO referral.signup (user_id, code, fingerprints) SELECT 'u' || n, 'alice1', '{card9}' FROM generate_series(1, 7) n`)
	s.converge()
	s.write(`INSERT INTO referral.signup (user_id, fingerprints) VALUES ('alice', '{card9}')`)
	s.converge()
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 900, 'USD' FROM generate_series(1, 7) n`)
	s.converge()
	s.expect("pairs", pairs)
	// The referees are no longer hers; those that were never admitted are decided anew.
	s.write(`UPDATE referral.signup SET fingerprints = '{}' WHERE user_id = 'alice'`)
	s.converge()
	s.expect("granted", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "7")
}

// A missing element is no fingerprint, and rows of fingerprints are as good as one row.
func TestFingerprintsAreTheTextsOfTheArray(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.write(`INSERT INTO referral.signup (user_id, fingerprints) VALUES ('alice', '{NULL,card9}')`)
	s.write(`INSERT INTO referral.signup (user_id, code, fingerprints)
		VALUES ('none', 'alice1', '{NULL}'), ('shared', 'alice1', '{NULL,card9}'), ('rows', 'alice1', '{{card1,card2},{card3,card9}}')`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT user_id, 'p', 900, 'USD' FROM referral.signup`)
	s.converge()
	s.expect("granted", "SELECT user_id FROM referral.pair WHERE state = 'Granted'", "none")
	s.expect("set aside", "SELECT user_id, cause FROM referral.set_aside")
}

func TestOneRefereeThatCannotBeDecidedDoesNotBlockTheRest(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.converge()
	// The database refuses this referee's entry.
	s.asOwner(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF NEW.user_id = 'u13' THEN RAISE numeric_value_out_of_range USING MESSAGE = 'too much for u13'; END IF; RETURN NEW; END $$`)
	s.asOwner(`CREATE TRIGGER refuse BEFORE INSERT ON referral.ledger FOR EACH ROW EXECUTE FUNCTION refuse()`)
	s.write(`INSERT INTO referral.signup (user_id, code) SELECT 'u' || n, 'alice1' FROM generate_series(1, 40) n`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 900, 'USD' FROM generate_series(1, 40) n`)
	s.converge()
	s.expect("granted", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "39")
	s.expect("set aside", "SELECT user_id, attempts, cause LIKE '%too much for u13%' FROM referral.set_aside", "u13 1 true")

	s.write(`UPDATE referral.purchase SET amount = amount WHERE user_id = 'u13'`)
	s.converge()
	s.expect("still set aside", "SELECT user_id, attempts FROM referral.set_aside", "u13 2")

	s.asOwner("DROP TRIGGER refuse ON referral.ledger")
	s.write(`UPDATE referral.purchase SET amount = amount WHERE user_id = 'u13'`)
	s.converge()
	s.expect("healed by its next fact", "SELECT FROM referral.set_aside")
	s.expect("granted", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "40")
}

func TestAmountsNearTheLimitOfBigintConverge(t *testing.T) {
	const limit = "9223372036854775807"
	s := newShop(t)
	terms := reward.Terms{Purchases: reward.EveryPurchase, Rewards: []reward.Reward{
		{Name: "all", Beneficiary: reward.ToReferrer, Percentage: &reward.Percentage{Rate: "100"}},
	}}
	s.declare("invite", terms)
	s.write(link)
	s.write(`INSERT INTO referral.signup (user_id, code) VALUES ('bob', 'alice1'), ('carol', 'alice1')`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'bob', 'p' || n, ` + limit + `, 'USD' FROM generate_series(1, 3) n`)
	s.write(`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) SELECT 'bob', 'p3', 'r' || n, ` + limit + ` FROM generate_series(1, 3) n`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carol', 'p', 700, 'USD')`)
	s.converge()
	s.expect("pairs", pairs, "bob p1 Granted Qualified", "bob p2 Granted Qualified", "carol p Granted Qualified")
	s.expect("balances", balances, "alice USD 18446744073709552314 0")
	s.expect("set aside", "SELECT FROM referral.set_aside")
}

func TestAnotherOwnersSchemaIsLeftAlone(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.asOwner("UPDATE referral.owner SET uid = 'another owner'")
	s.asOwner("UPDATE referral.meta SET epoch = epoch + 1")
	if err := s.engine.Run(t.Context()); !errors.Is(err, engine.ErrNotOwner) {
		t.Errorf("Run returned %v", err)
	}
}

func TestForeignVersionsAndSuspendedDatabasesAreLeftAlone(t *testing.T) {
	for what, meta := range map[string]string{
		"rules of another version": "rules_version = " + strconv.Itoa(database.RulesVersion+1),
		"a newer schema":           "schema_version = schema_version + 1",
		"a suspended database":     "suspended = true",
	} {
		s := newShop(t)
		s.declare("invite", fiveDollars())
		for _, fact := range []string{link, touch, signup, purchase} {
			s.write(fact)
		}
		s.asOwner("UPDATE referral.meta SET epoch = epoch + 1, " + meta)
		s.converge()
		s.expect(what, ledger)
	}
}

// A purchase that commits after a batch began and before the batch dequeues is later than the
// batch's transaction. It is decided by this batch all the same.
func TestAPurchaseIsNeverInTheFutureOfItsDecision(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for _, fact := range []string{link, touch, signup} {
		s.write(fact)
	}
	s.converge()
	before := s.engine.Stats().Batches
	// The batch waits for the shards, having begun.
	s.write(`UPDATE referral.signup SET visitor_id = visitor_id`)
	blocker := s.blocker()
	_, err := blocker.Exec(t.Context(), "LOCK TABLE referral.shard")
	testworld.Must(t, err)
	converged := make(chan error, 1)
	go func() { converged <- s.engine.Converge(t.Context()) }()
	s.eventually("the batch waits for a shard", "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", "1")
	s.write(purchase)
	testworld.Must(t, blocker.Rollback(t.Context()))
	testworld.Must(t, <-converged)
	s.expect("pairs", pairs, "bob p1 Granted Qualified")
	if got := s.engine.Stats().Batches - before; got != 1 {
		t.Errorf("it took %d batches", got)
	}
}
