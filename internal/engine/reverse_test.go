package engine_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// askToReverse is what the controller of a deleted campaign does until nothing is left.
func (s *shop) askToReverse(name string) (left int64) {
	s.Helper()
	left, err := database.ReverseCampaign(s.Context(), s.db, database.Campaign{OwnerUID: uid, Name: name, UID: name + "-uid"})
	testworld.Must(s, err)
	return left
}

// reverseAll deletes a campaign with Reverse and checks that nothing is left.
func (s *shop) reverseAll(name string) {
	s.Helper()
	if left := s.askToReverse(name); left == 0 {
		s.Errorf("nothing to reverse of %s", name)
	}
	testworld.Must(s, s.engine.Converge(s.Context()))
	if left := s.askToReverse(name); left != 0 {
		s.Fatalf("%d pairs of %s are left", left, name)
	}
	testworld.Must(s, s.engine.Converge(s.Context()))
	s.expect("net credit of "+name, "SELECT coalesce(sum(amount), 0)::text FROM referral.ledger WHERE campaign = '"+name+"'", "0")
	s.expect("credits of "+name, "SELECT count(*) FROM referral.credit WHERE campaign = '"+name+"'", "0")
	s.expect("pairs of "+name, "SELECT DISTINCT state, reason, ordinal FROM referral.pair WHERE campaign = '"+name+"'", "Reversed CampaignDeleted <nil>")
	s.expect("mode of "+name, "SELECT mode FROM referral.campaign WHERE name = '"+name+"'", "Closed")
	s.expect("balances", balances)
	s.consistent()
}

// newEveryKind returns a shop whose campaign has granted, held and waiting pairs.
func newEveryKind(t testing.TB) *shop {
	t.Helper()
	s := newShopWith(t, "every kind of pair", (*shop).everyKind)
	testworld.Must(t, s.engine.Converge(t.Context())) // reads the configuration
	return s
}

func (s *shop) everyKind() {
	s.Helper()
	held := func(d *database.Declaration) {
		limited(1, 0, 1500)(d)
		terms := fiveDollars()
		terms.HoldPeriod = 36 * time.Hour
		withTerms(terms)(d)
	}
	s.declare("invite", fiveDollars(), limited(1, 0, 1500))
	s.friends(1, 2)
	s.declare("invite", fiveDollars(), held, func(d *database.Declaration) { d.Generation, d.Policy.Generation = 2, 2 })
	s.friends(3, 5)
	s.expect("before", "SELECT state, count(*) FROM referral.pair GROUP BY 1 ORDER BY 1", "Granted 2", "Held 1", "Waiting 2")
}

func TestReverseTakesBackEveryKindOfPair(t *testing.T) {
	s := newEveryKind(t)
	s.reverseAll("invite")
	s.expect("entries", "SELECT kind, reason, count(*) FROM referral.ledger GROUP BY 1, 2 ORDER BY 1",
		"Grant Qualified 2", "Reversal CampaignDeleted 2")
}

func TestReverseTakesBoundedSteps(t *testing.T) {
	s := newEveryKind(t)
	s.engine = s.newEngine(engine.Options{BatchSize: 1})
	s.reverseAll("invite")
}

// Credit is taken back also from referees that cannot be decided.
func TestReverseReachesRefereesThatCannotBeDecided(t *testing.T) {
	for name, prepare := range map[string]func(s *shop){
		"a referee that is set aside": func(s *shop) {
			s.asOwner(refuse("u001", "DELETE ON referral.credit", "numeric_value_out_of_range"))
			s.refund("u001", 2000)
			testworld.Must(s, s.engine.Converge(s.Context()))
			s.expect("set aside", "SELECT user_id FROM referral.set_aside", "u001")
			s.asOwner("DROP TRIGGER refuse ON referral.credit")
		},
		"a touch of a suspended campaign": func(s *shop) {
			s.declare("other", fiveDollars(), inMode(reward.Suspended, 1))
			s.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('other1', 'other', 'anna')")
			s.write("UPDATE referral.signup SET visitor_id = 'v1'")
			s.write("INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v1', 't1', 'other1', now() - interval '30 days')")
		},
		"suspended itself": func(s *shop) {
			s.declare("invite", fiveDollars(), limited(9, 0, 1500), inMode(reward.Suspended, 9))
		},
		"its policy missing": func(s *shop) {
			s.declare("invite", fiveDollars(), limited(9, 0, 1500), inMode(reward.PolicyMissing, 9))
		},
		"links that are gone": func(s *shop) { s.write("DELETE FROM referral.link") },
		"a withheld referee": func(s *shop) {
			s.asOwner("INSERT INTO referral.incident (id, campaign, cause, state, present, withheld) VALUES ('x', 'invite', 'MassReversal', 'Open', 3, 1)")
			s.asOwner("INSERT INTO referral.withheld (campaign, user_id, purchase_id, cause, incident) SELECT 'invite', user_id, purchase_id, 'MassReversal', 'x' FROM referral.purchase WHERE user_id = 'u001'")
		},
		"a pair that is lost":         func(s *shop) { s.asOwner("DELETE FROM referral.pair WHERE user_id = 'u001'") },
		"counters that say 0":         func(s *shop) { s.asOwner("UPDATE referral.pair_count SET waiting = 0, held = 0, granted = 0") },
		"an attribution that is lost": func(s *shop) { s.asOwner("DELETE FROM referral.attribution") },
		"credits that are lost":       func(s *shop) { s.asOwner("DELETE FROM referral.credit WHERE user_id = 'u001'") },
		"a signup that is gone, unseen": func(s *shop) {
			s.asOwner("ALTER TABLE referral.signup DISABLE TRIGGER USER")
			s.asOwner("DELETE FROM referral.signup WHERE user_id = 'u002'")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newEveryKind(t)
			prepare(s)
			if left := s.askToReverse("invite"); left == 0 {
				t.Error("nothing to reverse")
			}
			testworld.Must(t, s.engine.Converge(t.Context()))
			if left := s.askToReverse("invite"); left != 0 {
				t.Fatalf("%d pairs are left", left)
			}
			s.expect("net credit", "SELECT coalesce(sum(amount), 0)::text FROM referral.ledger", "0")
			s.expect("credits", "SELECT count(*) FROM referral.credit", "0")
			s.expect("pairs", "SELECT count(*) FROM referral.pair WHERE state <> 'Reversed' OR reason <> 'CampaignDeleted'", "0")
			s.expect("available", "SELECT count(*) FROM referral.balance WHERE available <> 0", "0")
			s.expect("withheld", "SELECT (SELECT count(*) FROM referral.withheld), (SELECT count(*) FROM referral.incident)", "0 0")
		})
	}
}

// What a campaign gave is taken back although the same referees have pairs in another campaign.
func TestReverseLeavesOtherCampaignsAlone(t *testing.T) {
	s := newEveryKind(t)
	s.declare("other", fiveDollars())
	s.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('bert', 'other', 'bert')")
	s.write("INSERT INTO referral.signup (user_id, code) SELECT 'o' || n, 'bert' FROM generate_series(1, 3) AS n")
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'o' || n, 'p', 2000, 'USD' FROM generate_series(1, 3) AS n")
	s.converge()
	const others = "SELECT p::text FROM referral.pair AS p WHERE campaign = 'other' ORDER BY user_id"
	before := s.rows(others)
	s.askToReverse("invite")
	s.converge()
	s.askToReverse("invite")
	s.converge()
	s.expect("the other campaign", others, before...)
	s.expect("balances", balances, "bert USD 1500 0")
}

func TestReverseByTwoEnginesEntersNothingTwice(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 200)
	s.converge()
	s.askToReverse("invite")
	var both sync.WaitGroup
	for range 2 {
		e := s.newEngine(engine.Options{BatchSize: 7})
		both.Go(func() { testworld.Must(t, e.Converge(t.Context())) })
	}
	both.Wait()
	s.converge()
	if left := s.askToReverse("invite"); left != 0 {
		t.Fatalf("%d left", left)
	}
	s.converge()
	s.expect("entries", "SELECT kind, count(*) FROM referral.ledger GROUP BY 1 ORDER BY 1", "Grant 200", "Reversal 200")
	s.expect("balances", balances)
}

// A referee with more pairs than a step reads is taken back in several steps.
func TestReverseTakesSeveralStepsForALargeReferee(t *testing.T) {
	s := newShop(t)
	terms := fiveDollars()
	terms.Purchases = reward.EveryPurchase
	s.declare("invite", terms)
	s.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('anna', 'invite', 'anna')")
	s.write("INSERT INTO referral.signup (user_id, code) VALUES ('ben', 'anna')")
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'ben', 'p' || n, 2000, 'USD' FROM generate_series(1, 25) AS n")
	s.converge()
	s.engine = s.newEngine(engine.Options{BatchSize: 4})
	s.reverseAll("invite")
	s.expect("entries", "SELECT kind, count(*) FROM referral.ledger GROUP BY 1 ORDER BY 1", "Grant 25", "Reversal 25")
}

func TestReversedSignupsMayBeAttributedToAnotherCampaign(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.declare("other", fiveDollars())
	for _, fact := range []string{link, touch, signup, purchase} {
		s.write(fact)
	}
	s.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('zoe1', 'other', 'zoe')")
	s.write("INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v1', 't0', 'zoe1', now() - interval '3 h')")
	s.converge()
	s.expect("balances", balances, "alice USD 500 0")
	s.askToReverse("invite")
	s.converge()
	s.askToReverse("invite")
	s.converge()
	s.expect("balances", balances, "zoe USD 500 0")
}

func TestARunningEngineReversesByItself(t *testing.T) {
	s := newEveryKind(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.newEngine(engine.Options{PollInterval: 5 * time.Millisecond}).Run(ctx) }()
	defer func() { stop(); testworld.Must(t, <-ended) }()
	s.askToReverse("invite")
	s.eventually("all is reversed", "SELECT done FROM referral.reversal", "true")
	if left := s.askToReverse("invite"); left != 0 {
		t.Errorf("%d left", left)
	}
	s.eventually("all is decided", "SELECT count(*) FROM referral.change", "0")
	s.consistent()
}

// A waiting pair of a suspended campaign keeps its attribution, so that a resync decides its
// referee. What a reversal has yet to take back is not drift.
func TestResyncLeavesOutWhatAReversalHasYetToTakeBack(t *testing.T) {
	for name, steps := range map[string]int{"before the first step": 0, "between two steps": 1, "before the last step": 3} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars(), limited(1, 2, 0))
			s.friends(1, 4)
			s.declare("invite", fiveDollars(), limited(1, 2, 0), inMode(reward.Suspended, 2))
			s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u003', 'q', 2000, 'USD'), ('u004', 'q', 2000, 'USD')")
			s.converge()
			s.askToReverse("invite")
			testworld.Must(t, s.engine.Attempts(t.Context(), 1)) // reads the configuration
			for range steps {
				_, err := s.engine.ReverseStep(t.Context(), 1)
				testworld.Must(t, err)
			}
			s.resyncsWithoutDrift()
			s.converge()
			if left := s.askToReverse("invite"); left != 0 {
				t.Errorf("%d pairs are left", left)
			}
			s.converge()
			s.expect("balances", balances)
			s.drifted(0)
		})
	}
}

// refuse returns a statement that lets a table refuse the rows of one referee.
func refuse(userID, what, condition string) string {
	return `CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF (CASE TG_OP WHEN 'DELETE' THEN OLD.user_id ELSE NEW.user_id END) = '` + userID + `' THEN
				RAISE ` + condition + ` USING MESSAGE = 'not ` + userID + `';
			END IF;
			RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
		END $$;
		CREATE TRIGGER refuse BEFORE ` + what + ` FOR EACH ROW EXECUTE FUNCTION public.refuse()`
}

// A key that cannot be reversed is reported. The keys before and behind it are reversed, and it is
// too once the cause is over.
func TestReverseGoesOnBehindAKeyThatFails(t *testing.T) {
	const largest = "9223372036854775807"
	dropped := func(table string) func(*shop) {
		return func(s *shop) { s.asOwner("DROP TRIGGER refuse ON referral." + table) }
	}
	entryGone := func(s *shop) { s.behind("DELETE FROM referral.ledger WHERE amount NOT BETWEEN -500 AND 500") }
	for name, c := range map[string]struct {
		prepare, repair func(s *shop)
		cause           string
	}{
		"a sum out of range": {
			func(s *shop) {
				s.foreign(`('u002', 'p', 'inviter', 2, 'invite', 1, 'anna', ` + largest + `, 'USD', 'Grant', 'Qualified')`)
			}, entryGone, "bigint out of range",
		},
		"a sum that no entry settles": {
			func(s *shop) {
				s.foreign(`('u002', 'p', 'bonus', 1, 'invite', 1, 'anna', -` + largest + ` - 1, 'USD', 'Reversal', 'Refunded')`)
			}, entryGone, "too far from the 0 decided",
		},
		"an entry that is refused": {
			func(s *shop) { s.asOwner(refuse("u002", "INSERT ON referral.ledger", "check_violation")) }, dropped("ledger"), "not u002",
		},
		"a credit that is refused": {
			func(s *shop) { s.asOwner(refuse("u002", "DELETE ON referral.credit", "raise_exception")) }, dropped("credit"), "not u002",
		},
		"a statement that takes too long": {
			func(s *shop) { s.asOwner(refuse("u002", "DELETE ON referral.credit", "query_canceled")) }, dropped("credit"), "not u002",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newEveryKind(t)
			c.prepare(s)
			s.askToReverse("invite")
			if err := s.engine.Converge(t.Context()); err == nil || !strings.Contains(err.Error(), `purchase "p" of user "u002"`) {
				t.Errorf("Converge returned %v", err)
			}
			if err := s.engine.ReversalErrs()["invite"]; err == nil || !strings.Contains(postgres.Message(err), c.cause) {
				t.Errorf("ReversalErrs has %v", err)
			}
			if err := s.engine.Err(); err != nil {
				t.Errorf("the database fails: %v", err)
			}
			s.expect("pairs left", "SELECT user_id, state FROM referral.pair WHERE state <> 'Reversed'", "u002 Granted")
			s.expect("waitlist", "SELECT user_id FROM referral.waitlist")
			s.expect("done", "SELECT done FROM referral.reversal", "false")
			c.repair(s)
			testworld.Must(t, s.engine.Converge(t.Context()))
			if failures := s.engine.ReversalErrs(); len(failures) > 0 {
				t.Errorf("ReversalErrs still has %v", failures)
			}
			if left := s.askToReverse("invite"); left != 0 {
				t.Errorf("%d left", left)
			}
			s.converge()
			s.expect("balances", balances)
			s.expect("entries", "SELECT kind, count(*) FROM referral.ledger GROUP BY 1 ORDER BY 1", "Grant 2", "Reversal 2")
		})
	}
}

// Many keys may fail: more than are kept, and the last of all.
func TestReverseGoesOnBehindManyKeysThatFail(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 240)
	s.converge()
	s.asOwner(`CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF substr(OLD.user_id, 2)::int % 2 = 0 THEN RAISE 'not %', OLD.user_id; END IF; RETURN OLD; END $$;
		CREATE TRIGGER refuse BEFORE DELETE ON referral.credit FOR EACH ROW EXECUTE FUNCTION public.refuse()`)
	s.askToReverse("invite")
	if err := s.engine.Converge(t.Context()); err == nil || !strings.Contains(err.Error(), `user "u002" gave, and what more than 99 other purchases gave,`) {
		t.Errorf("Converge returned %v", err)
	}
	s.expect("pairs left", "SELECT count(*), max(user_id) FROM referral.pair WHERE state <> 'Reversed'", "120 u240")
	s.asOwner("DROP TRIGGER refuse ON referral.credit")
	testworld.Must(t, s.engine.Converge(t.Context()))
	if remaining := s.askToReverse("invite"); remaining != 0 {
		t.Errorf("%d left", remaining)
	}
	s.converge()
	s.expect("entries", "SELECT kind, count(*) FROM referral.ledger GROUP BY 1 ORDER BY 1", "Grant 240", "Reversal 240")
	s.expect("balances", balances)
}

// Another campaign is reversed meanwhile, and an engine that runs tries again by itself.
func TestARunningEngineReversesAKeyOnceItsCauseIsOver(t *testing.T) {
	s := newEveryKind(t)
	s.declare("other", fiveDollars())
	s.zoeOfOther()
	s.converge()
	s.asOwner(refuse("u001", "DELETE ON referral.credit", "raise_exception"))
	s.askToReverse("invite")
	s.askToReverse("other")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	e := s.newEngine(engine.Options{PollInterval: 5 * time.Millisecond})
	go func() { ended <- e.Run(ctx) }()
	defer func() { stop(); testworld.Must(t, <-ended) }()
	s.eventually("the other campaign is reversed", "SELECT campaign FROM referral.reversal WHERE done", "other")
	s.eventually("the rest is reversed", "SELECT user_id FROM referral.pair WHERE state <> 'Reversed'", "u001")
	if err := e.ReversalErrs()["invite"]; err == nil || !strings.Contains(err.Error(), `user "u001"`) {
		t.Errorf("ReversalErrs has %v", err)
	}
	s.asOwner("DROP TRIGGER refuse ON referral.credit")
	s.eventually("all is reversed", "SELECT count(*) FROM referral.reversal WHERE done", "2")
	s.expect("pairs left", "SELECT user_id FROM referral.pair WHERE state <> 'Reversed'")
}
