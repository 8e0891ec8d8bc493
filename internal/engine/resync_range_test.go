package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The deciding touch of a visitor is found, however many touches and signups the visitor has.
func TestResyncReadsTheDecidingTouch(t *testing.T) {
	for name, attributed := range map[string]bool{"attributed": true, "to be attributed": false} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars())
			s.write(link)
			s.write(`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at)
				SELECT 'v', 't' || n, 'alice1', now() - interval '2 h' - n * interval '1 s' FROM generate_series(1, 40000) AS n`)
			s.write(`INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) SELECT 'u' || n, 'v', now() - interval '1 h' FROM generate_series(1, 1500) AS n`)
			if attributed {
				// What a batch would record: the last touch attributes all of them.
				s.asOwner(`INSERT INTO referral.attribution (user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id, facts, via, pairs, checksum)
					SELECT s.user_id, 'invite', 'alice1', 'alice', '', t.touched_at, 'Touch', 'v', 't1',
					       referral.hash_of_signup(s.visitor_id, s.code, s.signed_up_at, s.arrived_at, s.fingerprints, s.attributes, s.blanked), v.via, 0,
					       referral.checksum_of_attribution(s.user_id, 'invite', 'alice1', 'alice', '', t.touched_at, 'Touch', 'v', 't1')
					  FROM referral.signup AS s, referral.touch AS t,
					       (SELECT referral.hash_of_touch(t.touch_id, t.touched_at, l.code, l.campaign, l.referrer_id, l.label, l.expires_at, l.disabled_at) AS via
					          FROM referral.touch AS t JOIN referral.link AS l ON l.code = t.code WHERE t.touch_id = 't1') AS v
					 WHERE t.touch_id = 't1'`)
			}
			s.asOwner("DELETE FROM referral.change")
			s.engine = s.newEngine(engine.Options{})
			if attributed {
				began := time.Now()
				s.asOwner("INSERT INTO referral.pair_count (campaign, shard, awaiting_purchase) VALUES ('invite', 0, 1500)")
				s.resync()
				t.Logf("%s", time.Since(began))
				s.drifted(0)
				return
			}
			began := time.Now()
			if found := s.suspects(2000); found != 1500 {
				t.Errorf("%d signups found", found)
			}
			t.Logf("%s", time.Since(began))
		})
	}
}

// suspects counts the referees that a resync would decide, up to a limit.
func (s *shop) suspects(most int) int {
	s.Helper()
	tx, err := s.db.Begin(s.Context())
	testworld.Must(s, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(s.Context())) }()
	_, err = tx.Exec(s.Context(), s.engine.Statement("resync_begin"))
	testworld.Must(s, err)
	rows, err := tx.Query(s.Context(), s.engine.Statement("resync_find"), "", nil, most)
	testworld.Must(s, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	testworld.Must(s, err)
	return len(found)
}

// timesOut is a condition that ends its statement as a timeout does. A real one, short enough for a
// test, would end other statements too on a slow server.
const timesOut = "CASE WHEN pg_cancel_backend(pg_backend_pid()) THEN pg_sleep(60) IS NULL END"

func TestResyncHalvesARangeThatIsTooSlow(t *testing.T) {
	s := newCrowd(t)
	s.behind(`DELETE FROM referral.credit WHERE user_id IN ('bob', 'finn', 'dave')`)
	sql := strings.TrimSuffix(strings.TrimSpace(s.engine.Statement("resync_find")), ";")
	s.engine.Replace("resync_find", "SELECT user_id FROM ("+sql+") AS found WHERE NOT ($1 < 'dave' AND ($2::text IS NULL OR $2 >= 'dave')) OR "+timesOut)
	s.request()
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.expect("set aside", "SELECT user_id, cause LIKE '%canceling statement due to user request%' FROM referral.set_aside", "dave true")
	s.expect("the rest is repaired", "SELECT user_id FROM referral.credit ORDER BY 1", "bob")
	s.expect("answered", "SELECT campaign FROM referral.resync_campaign WHERE handled = requested AND requested <> '' ORDER BY 1", "invite", "slow")
	if err := s.engine.ResyncErr(); err != nil {
		t.Errorf("still failing: %v", err)
	}

	// Another engine, or a later resync, tries again.
	s.engine = s.newEngine(engine.Options{})
	s.resync()
	s.expect("set aside", "SELECT FROM referral.set_aside")
	s.expect("credits", "SELECT user_id, count(*) FROM referral.credit GROUP BY 1 ORDER BY 1", "bob 1", "dave 2")
}

func TestResyncHalvesARepairThatIsTooSlow(t *testing.T) {
	s := newCrowd(t)
	s.behind(`DELETE FROM referral.credit WHERE user_id IN ('bob', 'dave')`, `UPDATE referral.attribution SET label = 'x'`)
	sql := strings.TrimSuffix(strings.TrimSpace(s.engine.Statement("load_purchase")), ";")
	s.engine.Replace("load_purchase", "SELECT * FROM ("+sql+") AS found WHERE NOT 'dave' = ANY ($1) OR "+timesOut)
	s.request()
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.expect("set aside", "SELECT user_id FROM referral.set_aside", "dave")
	s.expect("the rest is repaired", "SELECT user_id FROM referral.credit ORDER BY 1", "bob")
	s.expect("labels", "SELECT user_id FROM referral.attribution WHERE label = 'x'", "dave")
}

// A lock timeout is no referee's failure, whether rows or a whole table are locked.
func TestResyncSetsNoRefereeAsideForALock(t *testing.T) {
	for name, c := range map[string]struct {
		lock, statement, sql string
		attempts             int
	}{
		"shards":  {"SELECT FROM referral.shard FOR UPDATE", "begin", "SELECT set_config('lock_timeout', '100ms', true)", 3},
		"refunds": {"LOCK TABLE referral.refund", "resync_begin", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCrowd(t)
			s.behind(`DELETE FROM referral.credit WHERE user_id = 'bob'`)
			if c.sql == "" { // both timeouts are a tenth of what they are
				c.sql = strings.NewReplacer("'30s'", "'3s'", "'20s'", "'2s'").Replace(s.engine.Statement(c.statement))
			}
			s.engine.Replace(c.statement, c.sql)
			s.request()
			s.holding(c.lock, func() {
				for n := range c.attempts {
					if err := s.engine.Resync(t.Context()); !postgres.LockTimeout(err) {
						t.Fatalf("attempt %d: %v", n, err)
					}
				}
			})
			testworld.Must(t, s.engine.Resync(t.Context()))
			s.expect("set aside", "SELECT FROM referral.set_aside")
			s.expect("credits", "SELECT count(*) FROM referral.credit WHERE user_id = 'bob'", "1")
		})
	}
}

// A wait for a lock ends before the statement that waits times out: the step then counts as locked,
// not as too large or too slow.
func TestLockTimeoutsAreShorterThanStatementTimeouts(t *testing.T) {
	const setting = "extract(epoch FROM current_setting('%s_timeout')::interval)"
	shorter := "1 / (" + fmt.Sprintf(setting, "lock") + " < " + fmt.Sprintf(setting, "statement") + ")::int"
	s := newCrowd(t)
	s.request()
	s.engine.Replace("request_allocation", "SELECT "+shorter+" WHERE $1::text[] IS NOT NULL")
	if err := s.engine.Resync(t.Context()); err != nil {
		t.Errorf("a resync: %v", err)
	}
	v := engine.NewVerification(s.db, 100, 5)
	v.Replace("verify_total", "SELECT ("+shorter+")::bigint, now()")
	if _, err := v.Run(t.Context(), func(int64, int64) {}); err != nil {
		t.Errorf("a verification: %v", err)
	}
}

func TestResyncErrShowsAFailureThatIsRepeated(t *testing.T) {
	s := newCrowd(t)
	e := s.newEngine(engine.Options{PollInterval: 5 * time.Millisecond})
	e.Replace("resync_sums", "SELECT absent FROM referral.meta")
	s.request()
	if err := e.Resync(t.Context()); err == nil {
		t.Fatal("it went through")
	}
	if err := e.ResyncErr(); err != nil {
		t.Errorf("shown after one failure: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	waitFor(t, "the failure shows", func() bool { return e.ResyncErr() != nil })
	if err := e.Err(); err != nil {
		t.Errorf("a resync's failure is no batch's: %v", err)
	}
	stop()
	testworld.Must(t, <-done)
}

// A range that one statement compares, or whose erasures it enqueues, holds few rows of every table
// that writers fill, also of users that have no signup and no purchase.
func TestRangeHasFewRowsOfEachTableOfFacts(t *testing.T) {
	for table, insert := range map[string]string{
		"signup":   "INSERT INTO referral.signup (user_id) SELECT u",
		"purchase": "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT u, 'p', 1000, 'USD'",
		"refund":   "INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) SELECT u, 'p', 'r', 1000",
		"override": "INSERT INTO referral.override (user_id, purchase_id, verdict) SELECT u, 'p', 'Deny'",
		"erasure":  "INSERT INTO referral.erasure (user_id) SELECT u",
	} {
		t.Run(table, func(t *testing.T) {
			s := newShop(t)
			s.write(insert + " FROM unnest('{u1,u2,u3}'::text[]) AS u")
			s.write("INSERT INTO referral.signup (user_id) VALUES ('v')")
			s.expect("end of a range", strings.NewReplacer("$1", "''", "$2", "2").Replace(s.engine.Statement("resync_range")), "u2")
		})
	}
}

// Each range enqueues the erasures of its users, and reads no other.
func TestResyncEnqueuesEveryErasureWhoseChangeWasLost(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write("INSERT INTO referral.erasure (user_id) SELECT 'u' || n FROM generate_series(1, 1200) AS n")
	s.write("INSERT INTO referral.erasure (user_id, requested_at) VALUES ('u1', now() - interval '1 hour'), ('done', now())")
	s.asOwner("INSERT INTO referral.erasure_progress (user_id, requested_at, completed_at) SELECT user_id, requested_at, now() FROM referral.erasure WHERE user_id = 'done'")
	s.asOwner("INSERT INTO referral.erasing (user_id, retry_at) VALUES ('u2', now() + interval '1 hour')")
	s.asOwner("DELETE FROM referral.change")
	s.request()
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.expect("changes", "SELECT kind, count(*), count(DISTINCT key) FROM referral.change GROUP BY 1", "Erasure 1199 1199")
	plan := s.genericPlan("erase_enqueue_lost", nil, "resync_begin")
	if read := strings.Count(plan, "user_id > $1"); read != 3 {
		t.Errorf("%d of 3 tables are read in a range:\n%s", read, plan)
	}
}
