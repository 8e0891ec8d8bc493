package engine_test

import (
	"fmt"
	"testing"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// beside returns a user of the shard of another user.
func (s *shop) beside(user, prefix string) string {
	s.Helper()
	return s.rows(`SELECT $2 || n FROM generate_series(1, 10000) n WHERE referral.shard_of($2 || n) = referral.shard_of($1) LIMIT 1`, user, prefix)[0]
}

// A transaction that only lets others read a table, as LOCK TABLE or CREATE INDEX, delays erasures,
// and no decision.
func TestErasureOfALockedTableDelaysNobodyElse(t *testing.T) {
	for _, table := range []string{"touch", "signup", "purchase", "action"} {
		t.Run(table, func(t *testing.T) {
			s := newShop(t)
			s.declare("friends", fiveDollars(), wantsGadgets)
			s.write(annasLink + ";" + benByTouch)
			s.converge()
			carl := s.beside("ben", "carl")
			s.write("SELECT referral.erase_user('ben')")
			s.write("INSERT INTO referral.signup (user_id, code, attributes) VALUES ($1, 'a', '{\"plan\": \"pro\"}')", carl)
			s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes) VALUES ($1, 'p', 1000, 'USD', '{\"kind\": \"gadget\"}')", carl)
			s.holding("LOCK TABLE referral."+table+" IN SHARE MODE", s.converge)
			if failures := s.engine.Stats().Failures; failures > 0 {
				t.Errorf("%d batches were rolled back", failures)
			}
			s.expect("pairs", pairs, "ben p Granted Qualified", carl+" p Granted Qualified")
			s.expect("progress", progress, "ben under way")
			s.converge()
			s.erased("ben")
			s.decideAll()
			s.expect("pairs", pairs, "ben p Granted Qualified", carl+" p Granted Qualified")
			s.resync()
			s.drifted(0)
		})
	}
}

// While one erasure waits for a table, the other steps of the batch wait hardly at all, and those
// that need another table are done.
func TestErasureOfALockedTableDelaysNoErasureWithoutIt(t *testing.T) {
	const users = 40
	s := newShop(t)
	s.write(fmt.Sprintf(`INSERT INTO referral.signup (user_id, visitor_id) SELECT 'u' || n, CASE WHEN n %% 2 = 0 THEN 'v' || n END FROM generate_series(1, %d) AS n;
		INSERT INTO referral.touch (visitor_id, touch_id, code) SELECT visitor_id, 't', 'a' FROM referral.signup WHERE visitor_id IS NOT NULL`, users))
	s.converge()
	s.write("INSERT INTO referral.erasure (user_id) SELECT user_id FROM referral.signup")
	s.holding("LOCK TABLE referral.touch IN SHARE MODE", s.converge)
	s.expect("progress", "SELECT count(*), count(completed_at) FROM referral.erasure LEFT JOIN referral.erasure_progress USING (user_id, requested_at)", fmt.Sprint(users, " ", users/2))
	s.converge()
	s.erased(s.rows("SELECT user_id FROM referral.erasure")...)
}

// refusals make a table of facts refuse what erasures write.
var refusals = map[string]string{
	"a check on touches":           "ALTER TABLE referral.touch ADD CONSTRAINT refuses CHECK (code <> '')",
	"a trigger on purchases":       refusing("purchase", "RAISE EXCEPTION 'purchases are immutable'"),
	"a trigger on signups":         refusing("signup", "RAISE EXCEPTION 'no'"),
	"a trigger that lacks a table": refusing("purchase", "INSERT INTO absent VALUES (1)"),
	"a trigger that lacks a right": refusing("touch", "RAISE insufficient_privilege"),
	"a trigger that is slow":       refusing("action", "PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(60)"),
}

// refusing is a trigger before each update of a row.
func refusing(table, body string) string {
	return `CREATE FUNCTION public.refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ` + body + `; RETURN NEW; END $$;
		CREATE TRIGGER refuse_update BEFORE UPDATE ON referral.` + table + ` FOR EACH ROW EXECUTE FUNCTION public.refuse_update()`
}

// Erasures whose rows the database refuses to change cost others nothing: no batch is rolled back.
func TestErasureThatIsRefusedDelaysNobodyElse(t *testing.T) {
	const users = 100
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("friends", fiveDollars())
			s.write(annasLink + fmt.Sprintf(`;
				INSERT INTO referral.signup (user_id, code, visitor_id, attributes) SELECT 'u' || n, 'a', 'v' || n, '{"plan": "pro"}' FROM generate_series(1, %d) AS n;
				INSERT INTO referral.touch (visitor_id, touch_id, code) SELECT visitor_id, 't', 'a' FROM referral.signup;
				INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT user_id, 'p', 1000, 'USD' FROM referral.signup;
				INSERT INTO referral.action (user_id, visitor_id, action_id, action) SELECT user_id, visitor_id, '1', 'view' FROM referral.signup`, users))
			s.converge()
			s.asOwner(refusal)
			s.write("INSERT INTO referral.erasure (user_id) SELECT user_id FROM referral.signup")
			s.write(`INSERT INTO referral.signup (user_id, code) SELECT 'w' || n, 'a' FROM generate_series(1, 200) AS n;
				INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'w' || n, 'p', 1000, 'USD' FROM generate_series(1, 200) AS n`)
			s.converge()
			if failures := s.engine.Stats().Failures; failures > 0 {
				t.Errorf("%d batches were rolled back", failures)
			}
			s.expect("granted", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", fmt.Sprint(users+200))
			s.expect("set aside", "SELECT user_id FROM referral.set_aside")
			s.expect("postponed", "SELECT count(*) FROM referral.erasing WHERE retry_at IS NOT NULL", fmt.Sprint(users))
			s.asOwner("DROP FUNCTION IF EXISTS public.refuse_update CASCADE; ALTER TABLE referral.touch DROP CONSTRAINT IF EXISTS refuses")
			s.converge()
			s.erased(s.rows("SELECT user_id FROM referral.erasure")...)
		})
	}
}

// A trigger may keep rows as they are, without an error. A step that changes nothing is postponed.
func TestErasureOfRowsThatATriggerKeepsIsPostponed(t *testing.T) {
	for _, table := range []string{"touch", "signup", "purchase", "action"} {
		for _, keeps := range []string{"RETURN NULL", "RETURN OLD"} {
			t.Run(table+" "+keeps, func(t *testing.T) {
				s := newShop(t)
				s.engine = s.newEngine(engine.Options{BatchSize: 5})
				s.declare("friends", fiveDollars(), wantsGadgets)
				s.write(annasLink + ";" + benByTouch)
				s.write("INSERT INTO referral.touch (visitor_id, touch_id, code) SELECT 'v', 'later' || n, 'a' FROM generate_series(1, 12) AS n")
				s.converge()
				s.asOwner(refusing(table, keeps))
				s.write("SELECT referral.erase_user('ben')")
				before := s.engine.Stats().Batches
				for range 10 { // a walk over the touches has several steps
					testworld.Must(t, s.engine.Attempts(t.Context(), 100))
					s.asOwner("UPDATE referral.erasing SET retry_at = now() WHERE retry_at > now()")
				}
				if batches := s.engine.Stats().Batches - before; batches > 100 {
					t.Errorf("%d batches for 10 attempts", batches)
				}
				s.expect("progress", progress, "ben under way")
				s.expect("queue", "SELECT count(*) FROM referral.change", "0")
				s.expect("touches", "SELECT count(*) FROM referral.touch WHERE visitor_id <> 'v'", map[bool]string{true: "0", false: "13"}[table == "touch"])
				s.asOwner("DROP FUNCTION public.refuse_update CASCADE")
				s.converge()
				s.erased("ben")
				s.decideAll()
				s.expect("pairs", pairs, "ben p Granted Qualified")
			})
		}
	}
}

// The longer an erasure has been requested, the longer it waits before it is tried again, up to
// some minutes.
func TestErasureThatFailsIsTriedLessAndLessOften(t *testing.T) {
	s := newShop(t)
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('now', 'p', 1000, 'USD'), ('hour', 'p', 1000, 'USD'), ('year', 'p', 1000, 'USD')")
	s.converge()
	s.asOwner(refusals["a trigger on purchases"])
	s.write(`INSERT INTO referral.erasure (user_id, requested_at) VALUES ('now', now()), ('hour', now() - interval '1 hour'), ('year', now() - interval '1 year')`)
	testworld.Must(t, s.engine.Attempts(t.Context(), 3))
	s.expect("order", "SELECT user_id, retry_at - r.requested_at < interval '1 minute' FROM referral.erasing JOIN referral.erasure AS r USING (user_id) WHERE user_id = 'now'", "now true")
	s.expect("the longest wait", `SELECT retry_at - (SELECT retry_at FROM referral.erasing WHERE user_id = 'now') BETWEEN interval '3 minutes' AND interval '10 minutes'
		FROM referral.erasing WHERE user_id <> 'now'`, "true", "true")
}
