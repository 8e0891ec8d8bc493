package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
)

const (
	// Above the share of 5% and the 100 that are believed.
	many    = 400
	states  = "SELECT state, reason, count(*) FROM referral.pair GROUP BY 1, 2 ORDER BY 1, 2"
	keptAll = "Granted Qualified 400"
)

// newMany is a shop with 400 granted pairs, and the purchases kept aside.
func newMany(t *testing.T, options engine.Options) *shop {
	t.Helper()
	s := newShop(t)
	s.many(options)
	return s
}

func (s *shop) many(options engine.Options) {
	s.Helper()
	s.engine = s.newEngine(options)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) SELECT 'u' || n, 'alice1', now() - interval '1 h' FROM generate_series(1, 400) AS n`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 900, 'USD' FROM generate_series(1, 400) AS n`)
	s.converge()
	s.expect("pairs", states, keptAll)
	s.asOwner("CREATE TABLE kept AS SELECT * FROM referral.purchase")
}

// lose loses all purchases in each of the ways in which that happens.
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

func TestTooManyLostRowsReverseNothingMore(t *testing.T) {
	for name, lose := range lose {
		t.Run(name, func(t *testing.T) {
			s := newMany(t, engine.Options{BatchSize: 64})
			lose(s)
			s.expect("pairs", states, "Granted Qualified 300", "Reversed PurchaseRemoved 100")
			loss := s.status().Resync.MassReversal
			if loss == nil || loss.ID == "" || loss.Pairs != 300 || loss.Of != many {
				t.Fatalf("reported %+v", loss)
			}
			s.expect("withheld", "SELECT count(*) FROM referral.withheld", "300")

			// The rest goes on, and looking again changes nothing.
			s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('newcomer', 'alice1', now() - interval '1 h')`)
			s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('newcomer', 'p', 900, 'USD')`)
			s.resync()
			s.converge()
			s.resync()
			s.expect("pairs", states, "Granted Qualified 301", "Reversed PurchaseRemoved 100")
			if again := s.status().Resync.MassReversal; again == nil || *again != *loss {
				t.Errorf("reported %+v, and before %+v", again, loss)
			}
		})
	}
}

func TestPermissionIsForOneIncident(t *testing.T) {
	s := newMany(t, engine.Options{BatchSize: 64})
	s.write("DELETE FROM referral.purchase WHERE user_id < 'u3'")
	s.converge()
	withheld := s.rows("SELECT count(*) FROM referral.withheld")
	id := s.status().Resync.MassReversal.ID
	allow := func(id string) { must(t, database.AllowReversals(t.Context(), s.db, uid, "invite", id)) }
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
			s.expect("entries", "SELECT kind, count(*) FROM referral.ledger GROUP BY 1 ORDER BY 1", "Grant 500", "Reversal 100")
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
		must(t, <-done)
	}
	s.converge()
	s.expect("pairs", states, "Granted Qualified 300", "Reversed PurchaseRemoved 100")
}

func TestAHeldPairThatIsWithheldIsNotLookedAtForEver(t *testing.T) {
	s := newShop(t)
	terms := fiveDollars()
	terms.HoldPeriod = time.Hour
	s.declare("invite", terms)
	s.write(link)
	s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) SELECT 'u' || n, 'alice1', now() - interval '1 h' FROM generate_series(1, 400) AS n`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 900, 'USD' FROM generate_series(1, 400) AS n`)
	s.converge()
	s.behind("DELETE FROM referral.purchase", "UPDATE referral.pair SET matures_at = now() - interval '1 min'")
	must(t, s.engine.Converge(t.Context()))
	s.consistent()
	s.expect("pairs", states, fmt.Sprintf("%s HoldPeriod 300", reward.Held), "Reversed PurchaseRemoved 100")
}
