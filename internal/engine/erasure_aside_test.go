package engine_test

import (
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// undecidable are causes that set dora aside before her first decision, and what takes them away.
var undecidable = map[string]struct {
	condition  string
	begin, end func(s *shop)
}{
	"her credit is refused": {
		"",
		func(s *shop) { s.refuse("credit", "dora") },
		func(s *shop) { s.asOwner("DROP TRIGGER refuse_credit ON referral.credit") },
	},
	"her conditions cost too much": {
		"purchase.amount == 2500 || " + dear,
		func(s *shop) {
			s.write(longLabel)
			s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) SELECT 'dora', 'q' || n, 1000, 'USD', now() - interval '1 hour' FROM generate_series(1, 100) AS n")
		},
		func(s *shop) { s.write("DELETE FROM referral.purchase WHERE purchase_id LIKE 'q%'") },
	},
	"she has too many purchases": {
		"",
		func(s *shop) {
			s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) SELECT 'dora', 'q' || n, 1000, 'USD', now() - interval '1 hour' FROM generate_series(1, 35000) AS n")
		},
		func(s *shop) { s.write("DELETE FROM referral.purchase WHERE purchase_id LIKE 'q%'") },
	},
	"loading her panics": {
		"",
		func(s *shop) {
			s.engine.Replace("load_override", "SELECT 'stranger', 'p', 'Deny', 0::bigint WHERE 'dora' = ANY ($1::text[])")
		},
		func(s *shop) { s.engine = s.newEngine(engine.Options{}) },
	},
}

// refuse makes a table of results refuse rows of a user.
func (s *shop) refuse(table, user string) {
	s.Helper()
	s.asOwner(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF NEW.user_id = TG_ARGV[0] THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$`)
	s.asOwner("CREATE TRIGGER refuse_" + table + " BEFORE INSERT OR UPDATE ON referral." + table + " FOR EACH ROW EXECUTE FUNCTION refuse('" + user + "')")
}

// doraAside are facts about dora, who has the same visitor as ben, so that the same touch attributes
// both.
const doraAside = `
	INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v', 't', 'a', now() - interval '3 hours');
	INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('dora', 'v', now() - interval '2 hours');
	INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('dora', 'p', 2500, 'USD', now() - interval '1 hour')`

// ben and eve sign up with the same visitor.
const benAndEve = "INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('ben', 'v', now() - interval '2 hours'), ('eve', 'v', now() - interval '2 hours')"

// No decision changes by an erasure, also not that about a referee who was set aside before the
// first one.
func TestErasureKeepsTheAttributionOfASetAsideReferee(t *testing.T) {
	for name, cause := range undecidable {
		for _, erased := range []string{"ben", "dora"} {
			t.Run(name+", "+erased+" is erased", func(t *testing.T) {
				s := newShop(t)
				s.declare("friends", when(cause.condition))
				s.write(annasLink + ";" + doraAside)
				cause.begin(s)
				s.converge()
				s.expect("set aside", "SELECT user_id FROM referral.set_aside", "dora")
				s.write(benAndEve)
				s.converge()
				s.write("SELECT referral.erase_user($1)", erased)
				s.converge()
				s.erased(erased)
				s.expect("attributions", "SELECT user_id, code, visitor_id IS NULL FROM referral.attribution ORDER BY 1", "ben a true", "dora a true", "eve a true")
				s.expect("still set aside", "SELECT user_id FROM referral.set_aside", "dora")
				s.request()
				testworld.Must(t, s.engine.Resync(t.Context()))
				s.consistent()
				s.expect("drift", "SELECT sum(drift_corrected)::int FROM referral.resync_campaign", "0")

				cause.end(s)
				s.decideAll()
				s.expect("set aside", "SELECT user_id FROM referral.set_aside")
				s.expect("pairs", pairs, "dora p Granted Qualified")
				s.resync()
				s.drifted(0)
			})
		}
	}
}

// The change that asks for the erasure comes before the facts that make dora too large, so that the
// erasure is the first to load them. Passing over her waiting pair reads rows as well.
func TestErasureOfARefereeTooLargeToLoadThatWaits(t *testing.T) {
	s := newShop(t)
	s.declare("friends", when("!has(purchase.attributes.returned)"), func(d *database.Declaration) {
		d.Budget = &database.Money{Amount: 700, Currency: "USD"}
	})
	s.write(annasLink + "; INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('ben', 'a', now() - interval '1 h'), ('dora', 'a', now() - interval '1 h')")
	for _, user := range []string{"ben", "dora"} {
		s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, 'p', 2500, 'USD')", user)
		s.converge()
	}
	s.expect("pairs", pairs, "ben p Granted Qualified", "dora p Waiting BudgetExhausted")
	s.write("SELECT referral.erase_user('dora')")
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes)
		SELECT 'dora', 'q' || n, 1000, 'USD', jsonb_build_object('note', repeat('x', 65000)) FROM generate_series(1, 1200) AS n`)
	s.converge()
	s.erased("dora") // what was too large is erased, so that she can be decided again
	s.expect("set aside", "SELECT user_id FROM referral.set_aside")
	s.expect("other changes", "SELECT count(*) FROM referral.change", "0")
}

// A set-aside signup comes after the erasure has listed the visitor's signups, and before it moves
// the touches.
func TestErasureAttributesASetAsideSignupThatComesLater(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write(annasLink + ";" + benByTouch)
	s.converge()
	s.refuse("credit", "dora")
	s.holding("SELECT FROM referral.touch FOR UPDATE", func() {
		s.write("SELECT referral.erase_user('ben')")
		s.converge()
		s.expect("the touches are still to be moved", "SELECT listed, settled, moved FROM referral.erasing_visitor", "true true false")
		_, signupAndPurchase, _ := strings.Cut(doraAside, ";")
		s.write(signupAndPurchase)
		s.converge()
		s.expect("set aside", "SELECT user_id FROM referral.set_aside", "dora")
	})
	for range 3 {
		s.converge()
	}
	s.erased("ben")
	s.asOwner("DROP TRIGGER refuse_credit ON referral.credit")
	s.decideAll()
	s.expect("pairs", pairs, "ben p Granted Qualified", "dora p Granted Qualified")
}

// The database refuses the attribution itself: the erasure waits and changes no decision.
func TestErasureWaitsWhileAnAttributionIsRefused(t *testing.T) {
	for _, erased := range []string{"ben", "dora"} {
		t.Run(erased, func(t *testing.T) {
			s := newShop(t)
			s.declare("friends", fiveDollars())
			s.write(annasLink + ";" + doraAside + ";" + benAndEve)
			s.refuse("attribution", "dora")
			s.write("SELECT referral.erase_user($1)", erased)
			for range 3 {
				s.converge()
			}
			s.expect("set aside", "SELECT user_id FROM referral.set_aside", "dora")
			s.expect("attributed", "SELECT user_id FROM referral.attribution ORDER BY 1", "ben", "eve")
			s.expect("progress", progress, erased+" under way")
			s.expect("changes", "SELECT FROM referral.change")
			s.asOwner("DROP TRIGGER refuse_attribution ON referral.attribution")
			for range 3 {
				s.converge()
			}
			s.erased(erased)
			s.decideAll()
			s.expect("pairs", pairs, "dora p Granted Qualified")
			s.expect("set aside", "SELECT user_id FROM referral.set_aside")
		})
	}
}

// The attribution of a set-aside referee without a pair follows the facts as they are.
func TestErasureFixesTheAttributionThatTheFactsGiveASetAsideReferee(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write(annasLink + "; INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('b', 'friends', 'bea')")
	s.write(doraAside + "; DELETE FROM referral.purchase")
	s.converge()
	s.expect("attribution", "SELECT user_id, referrer_id FROM referral.attribution", "dora anna")
	s.refuse("credit", "dora")
	s.write(`INSERT INTO referral.touch (visitor_id, code, touched_at) VALUES ('v', 'b', now() - interval '150 minutes');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('dora', 'p', 2500, 'USD')`)
	s.converge()
	s.write(benAndEve)
	s.converge()
	s.erase("ben")
	s.expect("attributions", "SELECT user_id, referrer_id FROM referral.attribution ORDER BY 1", "ben bea", "dora bea", "eve bea")
	s.asOwner("DROP TRIGGER refuse_credit ON referral.credit")
	s.decideAll()
	s.expect("balances", balances, "bea USD 500 0")
}

// The owner of a database can drop the limits of texts. What dora is attributed to does not follow
// from a signup that was not loaded.
func TestErasureWaitsWhileASignupCannotBeLoaded(t *testing.T) {
	for _, erased := range []string{"ben", "dora"} {
		t.Run(erased, func(t *testing.T) {
			const attributions = "SELECT user_id, code, visitor_id IS NULL FROM referral.attribution ORDER BY 1"
			signUp, _, _ := strings.Cut(doraAside, "INSERT INTO referral.purchase")
			s := newShop(t)
			s.declare("friends", fiveDollars())
			s.write(annasLink + ";" + signUp + benAndEve)
			s.converge()
			s.withoutChecks("signup")
			s.asOwner("UPDATE referral.signup SET code = repeat('x', 1200) WHERE user_id = 'dora'")
			s.converge()
			s.expect("set aside", "SELECT user_id FROM referral.set_aside", "dora")
			s.write("SELECT referral.erase_user($1)", erased)
			for range 3 {
				s.converge()
			}
			s.expect("progress", progress, erased+" under way")
			s.expect("dora's attribution", "SELECT code, visitor_id FROM referral.attribution WHERE user_id = 'dora'", "a v")
			s.asOwner("UPDATE referral.signup SET code = NULL WHERE user_id = 'dora'")
			for range 3 {
				s.converge()
			}
			s.erased(erased)
			s.expect("attributions", attributions, "ben a true", "dora a true", "eve a true")
			s.resync()
			s.drifted(0)
		})
	}
}
