package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

const (
	// Above the limits of 5 % and of 100 pairs.
	many    = 400
	states  = "SELECT state, reason, count(*) FROM referral.pair GROUP BY 1, 2 ORDER BY 1, 2"
	keptAll = "Granted Qualified 400"
)

// newMany returns a shop with 400 granted pairs, and a copy of their purchases in table kept.
func newMany(t *testing.T, options engine.Options) *shop {
	t.Helper()
	s := newShopWith(t, "many pairs", (*shop).many)
	s.engine = s.newEngine(options)
	return s
}

func (s *shop) many() {
	s.Helper()
	s.declare("invite", fiveDollars())
	s.write(link)
	s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) SELECT 'u' || n, 'alice1', now() - interval '1 h' FROM generate_series(1, 400) AS n`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 900, 'USD' FROM generate_series(1, 400) AS n`)
	s.converge()
	s.expect("pairs", states, keptAll)
	s.asOwner("CREATE TABLE kept AS SELECT * FROM referral.purchase")
}

// lose are the ways in which all purchases may be lost.
var lose = map[string]func(s *shop){
	"truncated": func(s *shop) {
		s.asOwner("TRUNCATE referral.purchase")
		s.resync()
	},
	"truncated without triggers": func(s *shop) {
		s.behind("TRUNCATE referral.purchase")
		s.resync()
	},
	"deleted": func(s *shop) {
		s.write("DELETE FROM referral.purchase")
		s.converge()
	},
	"deleted bit by bit": func(s *shop) {
		for n := range 4 {
			s.write("DELETE FROM referral.purchase WHERE hashtext(user_id) & 3 = $1", n)
			s.converge()
		}
	},
	"signups": func(s *shop) {
		s.write("DELETE FROM referral.signup")
		s.converge()
	},
}

// lost is how many pairs each way of losing all rows reverses before reversals are withheld.
var lost = map[string]struct{ reversed, withheld int64 }{
	"truncated":                  {0, 400},
	"truncated without triggers": {0, 400},
	"deleted":                    {100, 300}, // the batches that stay within the limit together, and no other
	"deleted bit by bit":         {100, 300},
	"signups":                    {100, 300},
}

func TestReversalsStopAtTheMassReversalLimit(t *testing.T) {
	for name, lose := range lose {
		t.Run(name, func(t *testing.T) {
			s := newMany(t, engine.Options{BatchSize: 64})
			lose(s)
			reversed, withheld := s.count("SELECT count(*) FROM referral.pair WHERE state = 'Reversed'"), s.count("SELECT count(*) FROM referral.withheld")
			if want := lost[name]; reversed > 100 || reversed+withheld != many || reversed > want.reversed {
				t.Errorf("%d reversed and %d withheld, want at most %d reversed", reversed, withheld, want.reversed)
			}
			loss := s.status().Resync.MassReversal
			if loss == nil || loss.ID == "" || loss.Pairs != withheld || loss.Of != many {
				t.Fatalf("reported %+v", loss)
			}

			// Other referees go on, and deciding again changes nothing.
			s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('newcomer', 'alice1', now() - interval '1 h')`)
			s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('newcomer', 'p', 900, 'USD')`)
			s.resync()
			s.converge()
			s.resync()
			s.expect("newcomer", "SELECT state FROM referral.pair WHERE user_id = 'newcomer'", "Granted")
			if again := s.count("SELECT count(*) FROM referral.pair WHERE state = 'Reversed'"); again != reversed {
				t.Errorf("%d reversed, and before %d", again, reversed)
			}
			if again := s.status().Resync.MassReversal; again == nil || *again != *loss {
				t.Errorf("reported %+v, and before %+v", again, loss)
			}
		})
	}
}

// count is the one number that a query returns.
func (s *shop) count(sql string) (n int64) {
	s.Helper()
	testworld.Must(s, s.db.QueryRow(s.Context(), sql).Scan(&n))
	return n
}

// allow permits an incident's reversals.
func (s *shop) allow(id string) {
	s.Helper()
	testworld.Must(s, database.AllowReversals(s.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite"}, id))
}

// The resync counts all lost pairs before it judges them, so it never reverses the first hundred of
// many.
func TestResyncJudgesTheWholeLoss(t *testing.T) {
	for name, loss := range map[string]struct {
		lose int
		want []string
	}{
		"few":             {100, []string{"Granted Qualified 300", "Reversed PurchaseRemoved 100"}},
		"one pair beyond": {101, []string{keptAll}},
		"input 15":        {111, []string{keptAll}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMany(t, engine.Options{BatchSize: 16})
			s.behind(fmt.Sprintf("DELETE FROM referral.purchase WHERE user_id IN (SELECT user_id FROM kept ORDER BY 1 LIMIT %d)", loss.lose))
			s.resync()
			s.expect("pairs", states, loss.want...)
			mass := s.status().Resync.MassReversal
			switch reversed := len(loss.want) > 1; {
			case reversed && mass != nil:
				t.Errorf("reported %+v", mass)
			case reversed:
				s.drifted(int64(loss.lose))
			case mass == nil || mass.Pairs != int64(loss.lose) || mass.Of != many:
				t.Errorf("reported %+v", mass)
			}
		})
	}
}

// A batch is judged as a whole too.
func TestBatchJudgesItsLossAsAWhole(t *testing.T) {
	s := newMany(t, engine.Options{})
	one := s.newEngine(engine.Options{BatchSize: 2000})
	s.asOwner("CREATE TABLE one_shard AS SELECT user_id FROM kept WHERE referral.shard_of(user_id) IN (0, 1, 2, 3) ORDER BY 1")
	lose := s.count("SELECT count(*) FROM public.one_shard")
	s.asOwner("INSERT INTO referral.signup (user_id, code, signed_up_at) SELECT 'more' || n, 'alice1', now() - interval '1 h' FROM generate_series(1, 400) AS n WHERE referral.shard_of('more' || n) IN (0, 1, 2, 3)")
	s.asOwner("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT user_id, 'p', 900, 'USD' FROM referral.signup WHERE user_id LIKE 'more%'")
	s.engine = one
	s.converge()
	s.asOwner("DELETE FROM referral.purchase WHERE referral.shard_of(user_id) IN (0, 1, 2, 3)")
	s.converge()
	if reversed := s.count("SELECT count(*) FROM referral.pair WHERE state = 'Reversed'"); reversed != 0 {
		t.Errorf("%d reversed of at least %d lost in one batch", reversed, lose)
	}
}

func TestPermissionIsForTheReportedPairs(t *testing.T) {
	s := newMany(t, engine.Options{})
	lose := func(from, to int) {
		s.asOwner("DELETE FROM referral.purchase WHERE user_id IN (SELECT user_id FROM kept ORDER BY 1 OFFSET $1 LIMIT $2)", from, to-from)
	}
	lose(0, 60)
	s.converge()
	lose(60, 100)
	s.converge()
	s.expect("pairs", states, "Granted Qualified 300", "Reversed PurchaseRemoved 100")
	lose(100, 120)
	s.converge()
	first := s.status().Resync.MassReversal
	if first == nil || first.Pairs != 20 || first.Of != many {
		t.Fatalf("reported %+v", first)
	}
	lose(120, 300) // before the permission
	s.converge()
	s.allow(first.ID)
	lose(300, 400) // after it, and before it is used
	s.converge()
	s.expect("pairs", states, "Granted Qualified 280", "Reversed PurchaseRemoved 120")
	second := s.status().Resync.MassReversal
	if second == nil || second.ID == first.ID || second.Pairs != 280 {
		t.Fatalf("reported %+v after %+v", second, first)
	}
	s.allow(first.ID)
	s.resync()
	s.converge()
	s.expect("pairs after the first permission again", states, "Granted Qualified 280", "Reversed PurchaseRemoved 120")
	s.allow(second.ID)
	s.converge()
	s.expect("pairs", states, "Reversed PurchaseRemoved 400")
	s.expect("incidents", "SELECT FROM referral.incident")
	if loss := s.status().Resync.MassReversal; loss != nil {
		t.Errorf("still reported: %+v", loss)
	}
}

func TestPairIsCountedAsLostOnce(t *testing.T) {
	s := newMany(t, engine.Options{})
	for range 3 {
		s.asOwner("DELETE FROM referral.purchase WHERE user_id IN (SELECT user_id FROM kept ORDER BY 1 LIMIT 60)")
		s.converge()
		s.expect("pairs", states, "Granted Qualified 340", "Reversed PurchaseRemoved 60")
		s.asOwner("INSERT INTO referral.purchase SELECT * FROM kept ON CONFLICT DO NOTHING")
		s.converge()
		s.expect("pairs", states, keptAll)
	}
	s.expect("counted", "SELECT lost, present FROM referral.loss", "60 400")
}

// When the rows of a withheld pair are back, the other pairs stay withheld.
func TestRowsThatComeBackLeaveTheRestWithheld(t *testing.T) {
	s := newMany(t, engine.Options{})
	s.behind("DELETE FROM referral.purchase WHERE user_id IN (SELECT user_id FROM kept ORDER BY 1 LIMIT 200)")
	s.resync()
	before := s.status().Resync.MassReversal
	s.asOwner("INSERT INTO referral.purchase SELECT * FROM kept ORDER BY user_id LIMIT 150")
	s.converge()
	s.expect("withheld", "SELECT withheld, reported FROM referral.incident", "50 200")
	s.expect("counted", "SELECT lost FROM referral.loss", "50")
	if again := s.status().Resync.MassReversal; again == nil || *again != *before {
		t.Errorf("reported %+v, and before %+v", again, before)
	}
	s.allow(before.ID)
	s.converge()
	s.expect("pairs", states, "Granted Qualified 350", "Reversed PurchaseRemoved 50")
}

// A withheld referee keeps all its recorded results.
func TestAllPairsOfAWithheldRefereeAreKept(t *testing.T) {
	s := newShop(t)
	every := fiveDollars()
	every.Purchases = reward.EveryPurchase
	s.engine = s.newEngine(engine.Options{})
	s.declare("invite", every)
	s.write(link)
	s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) SELECT 'u' || n, 'alice1', now() - interval '1 h' FROM generate_series(1, 200) AS n`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, p, 900, 'USD' FROM generate_series(1, 200) AS n, unnest(ARRAY['a', 'b']) AS p`)
	s.converge()
	s.behind("DELETE FROM referral.purchase WHERE purchase_id = 'a'")
	s.resync()
	s.expect("withheld", "SELECT purchase_id, count(*) FROM referral.withheld GROUP BY 1", "a 200")
	s.write(`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('u1', 'b', 'r', 900)`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u1', 'c', 900, 'USD')`)
	s.converge()
	s.expect("u1", "SELECT purchase_id, state FROM referral.pair WHERE user_id = 'u1' ORDER BY 1", "a Granted", "b Granted")
	s.allow(s.status().Resync.MassReversal.ID)
	s.converge()
	s.expect("u1", "SELECT purchase_id, state FROM referral.pair WHERE user_id = 'u1' ORDER BY 1", "a Reversed", "b Reversed", "c Granted")
}

// A crash while a loss is judged changes nothing, and the next attempt counts the same.
func TestLossIsCountedOnceAfterARollback(t *testing.T) {
	s := newMany(t, engine.Options{})
	s.asOwner("DELETE FROM referral.purchase WHERE user_id IN (SELECT user_id FROM kept ORDER BY 1 LIMIT 90)")
	broken := s.newEngine(engine.Options{})
	broken.Replace("fence", "SELECT absent FROM referral.meta") // no referee's data is at fault
	for range 3 {
		if err := broken.Converge(t.Context()); err == nil {
			t.Fatal("it went through")
		}
	}
	s.expect("counted", "SELECT FROM referral.loss")
	s.converge()
	s.expect("counted", "SELECT lost FROM referral.loss", "90")
	s.expect("pairs", states, "Granted Qualified 310", "Reversed PurchaseRemoved 90")
}

func TestPermissionIsForOneIncident(t *testing.T) {
	s := newMany(t, engine.Options{BatchSize: 64})
	s.write("DELETE FROM referral.purchase WHERE user_id < 'u3'")
	s.converge()
	withheld := s.rows("SELECT count(*) FROM referral.withheld")
	id := s.status().Resync.MassReversal.ID
	allow := s.allow
	allow("another")
	s.converge()
	s.expect("withheld after a permission for something else", "SELECT count(*) FROM referral.withheld", withheld...)

	allow(id)
	allow(id)
	s.expect("noted once", "SELECT count(*) FROM referral.change", "1")
	s.converge()
	s.expect("withheld", "SELECT FROM referral.withheld")
	s.expect("lost and still granted", "SELECT FROM referral.pair WHERE user_id < 'u3' AND state <> 'Reversed'")
	if loss := s.status().Resync.MassReversal; loss != nil {
		t.Errorf("still reported: %+v", loss)
	}

	s.write("DELETE FROM referral.purchase")
	s.converge()
	next := s.status().Resync.MassReversal
	if next == nil || next.ID == id {
		t.Errorf("the next incident is %+v after %s", next, id)
	}
	allow(id)
	s.converge()
	if again := s.status().Resync.MassReversal; again == nil || *again != *next {
		t.Errorf("the old permission did something: %+v", again)
	}
}

func TestRowsThatComeBackEndTheIncident(t *testing.T) {
	for name, restore := range map[string]func(s *shop){
		"noted":             func(s *shop) { s.asOwner("INSERT INTO referral.purchase SELECT * FROM kept"); s.converge() },
		"behind the engine": func(s *shop) { s.behind("INSERT INTO referral.purchase SELECT * FROM kept") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newMany(t, engine.Options{BatchSize: 64})
			s.behind("TRUNCATE referral.purchase")
			s.resync()
			if s.status().Resync.MassReversal == nil {
				t.Fatal("no incident")
			}
			restore(s)
			s.resync()
			s.expect("pairs", states, keptAll)
			s.expect("withheld", "SELECT FROM referral.withheld")
			if loss := s.status().Resync.MassReversal; loss != nil {
				t.Errorf("still reported: %+v", loss)
			}
			s.expect("entries", "SELECT kind, count(*) FROM referral.ledger GROUP BY 1 ORDER BY 1", "Grant 400")
		})
	}
}

func TestLostRowsAreCountedOverOneInterval(t *testing.T) {
	s := newMany(t, engine.Options{})
	s.asOwner("DELETE FROM referral.purchase WHERE user_id IN (SELECT user_id FROM kept ORDER BY 1 LIMIT 100)")
	s.converge()
	s.asOwner("UPDATE referral.loss SET began_at = began_at - interval '31 min'")
	s.asOwner("DELETE FROM referral.purchase WHERE user_id IN (SELECT user_id FROM kept ORDER BY 1 LIMIT 200)")
	s.converge()
	s.expect("pairs", states, "Granted Qualified 200", "Reversed PurchaseRemoved 200")
	s.write("DELETE FROM referral.purchase")
	s.converge()
	s.expect("pairs after one interval", states, "Granted Qualified 200", "Reversed PurchaseRemoved 200")
}

func TestSeveralEnginesCountLostRowsTogether(t *testing.T) {
	s := newMany(t, engine.Options{})
	s.write("DELETE FROM referral.purchase")
	done := make(chan error, 3)
	for range cap(done) {
		e := s.newEngine(engine.Options{BatchSize: 8})
		go func() { done <- e.Converge(t.Context()) }()
	}
	for range cap(done) {
		testworld.Must(t, <-done)
	}
	s.converge()
	if reversed := s.count("SELECT count(*) FROM referral.pair WHERE state = 'Reversed'"); reversed < 90 || reversed > 100 {
		t.Errorf("%d reversed, by batches of 8 until 100", reversed)
	}
	s.expect("counted", "SELECT lost FROM referral.loss", "400")
}

func TestWithheldHeldPairIsPostponed(t *testing.T) {
	s := newShop(t)
	terms := fiveDollars()
	terms.HoldPeriod = time.Hour
	s.declare("invite", terms)
	s.write(link)
	s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) SELECT 'u' || n, 'alice1', now() - interval '1 h' FROM generate_series(1, 400) AS n`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 900, 'USD' FROM generate_series(1, 400) AS n`)
	s.converge()
	s.behind("DELETE FROM referral.purchase", "UPDATE referral.pair SET matures_at = now() - interval '1 min'")
	testworld.Must(t, s.engine.Converge(t.Context()))
	s.consistent()
	s.expect("pairs that are neither withheld nor reversed",
		"SELECT FROM referral.pair WHERE state = 'Held' AND user_id NOT IN (SELECT user_id FROM referral.withheld)")
	s.expect("due", "SELECT FROM referral.pair WHERE matures_at <= now() AND state = 'Held' AND NOT postponed")
}
