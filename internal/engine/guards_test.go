package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// Each test of this file runs a scene twice: with a guard, where no harm is done, and without it,
// where the harm must show. A guard whose removal fails no test is not tested, or not needed.

func guarded(t *testing.T, scene func(s *shop, guard bool) (harm string)) {
	t.Helper()
	t.Run("with the guard", func(t *testing.T) {
		if harm := scene(newShop(t), true); harm != "" {
			t.Errorf("harm was done: %s", harm)
		}
	})
	t.Run("without it", func(t *testing.T) {
		if harm := scene(newShop(t), false); harm == "" {
			t.Error("nothing happened: what is the guard for?")
		} else {
			t.Logf("harm, as there must be: %s", harm)
		}
	})
}

// harm lists violations.
func (s *shop) harm() string {
	s.Helper()
	return strings.Join(s.rows(violations), "; ")
}

// anyShard finds the shards with work without locking them.
const anyShard = `SELECT s.shard, coalesce(c.xid::text, ''), coalesce(c.id, 0), pg_current_snapshot()::text
                    FROM referral.shard AS s
                    LEFT JOIN LATERAL (SELECT xid, id FROM referral.change WHERE shard = s.shard ORDER BY xid, id LIMIT 1) AS c ON true
                   WHERE @first_shard::int >= 0 AND coalesce(s.shard = @only::smallint, true) AND s.shard <> ALL (coalesce(@excluded::smallint[], '{}'))
                     AND coalesce(@start_shards::smallint[] IS NULL, @start_xids::text[] IS NULL, @start_ids::bigint[] IS NULL, @start_snapshots::text[] IS NULL) IS NOT NULL
                     AND (c.xid IS NOT NULL
                          OR EXISTS (SELECT FROM referral.pair AS p WHERE referral.shard_of(p.user_id) = s.shard AND p.state = 'Held' AND NOT p.postponed AND p.matures_at <= now()))
                   LIMIT @limit`

// mature ends the hold of every pair by moving the times of all facts back.
func (s *shop) mature() {
	s.Helper()
	s.asOwner("UPDATE referral.signup SET signed_up_at = signed_up_at - interval '1000 h'")
	s.asOwner("UPDATE referral.purchase SET purchased_at = purchased_at - interval '1000 h'")
	s.asOwner("UPDATE referral.attribution SET touched_at = touched_at - interval '1000 h'")
	s.asOwner(`UPDATE referral.pair SET qualified_at = qualified_at - interval '1000 h',
	                  matures_at = matures_at - interval '1000 h'`)
	s.asOwner("DELETE FROM referral.change")
}

// twice has two batches decide u001 at the same time: one because its hold has ended, another
// because of what is written meanwhile.
func (s *shop) twice(guard bool, meanwhile string) {
	s.Helper()
	terms := fiveDollars()
	terms.HoldPeriod = 500 * time.Hour
	s.declare("invite", terms)
	s.friends(1, 1)
	s.mature()
	another := s.newEngine(engine.Options{})
	if !guard {
		s.engine.Replace("lock_shards_with_work", anyShard)
		another.Replace("lock_shards_with_work", anyShard)
	}
	s.holdUp("anna", func() {
		s.write(meanwhile)
		background(s, another)
	})
	testworld.Must(s, another.Converge(s.Context()))
}

// holdUp makes a batch wait where it writes an account, runs meanwhile, and lets the batch end.
func (s *shop) holdUp(beneficiary string, meanwhile func()) {
	s.Helper()
	blocker := s.blocker()
	defer func() { _ = blocker.Rollback(context.WithoutCancel(s.Context())) }()
	_, err := blocker.Exec(s.Context(), "SELECT FROM referral.engine_account WHERE beneficiary_id = $1 FOR UPDATE", beneficiary)
	testworld.Must(s, err)
	ctx, cancel := context.WithCancel(s.Context())
	done := make(chan struct{})
	before := s.engine.Stats()
	go func() {
		defer close(done)
		_ = s.engine.Converge(ctx)
	}()
	s.eventually("a batch waits", "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", "1")
	meanwhile()
	testworld.Must(s, blocker.Rollback(s.Context()))
	waitFor(s, "the batch ends", func() bool {
		now := s.engine.Stats()
		return now.Batches+now.Failures > before.Batches+before.Failures
	})
	cancel()
	<-done
}

// Two batches that decide one referee at the same time do not see each other's grants.
func TestShardLockPreventsDecidingAPairTwice(t *testing.T) {
	guarded(t, func(s *shop, guard bool) string {
		s.twice(guard, "INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('u001', 'p', 'r', 2000)")
		return s.harm()
	})
}

// If it happens all the same, such as after a restore where keys hash differently, the ledger's key
// lets only one of two grants commit.
func TestLedgerKeyPreventsGrantingTwice(t *testing.T) {
	guarded(t, func(s *shop, guard bool) string {
		if !guard {
			s.asOwner("ALTER TABLE referral.ledger DROP CONSTRAINT ledger_pkey")
		}
		s.twice(false, "UPDATE referral.signup SET attributes = '{}'")
		return strings.Join(s.rows("SELECT beneficiary_id, 'was granted', sum(amount)::text FROM referral.ledger GROUP BY 1 HAVING sum(amount) > 500"), "; ")
	})
}

// background lets an engine converge while something else is held up, and returns once the engine
// has converged or waits for the lock of a row. Then it continues by itself; the scene checks the
// result.
func background(s *shop, e *engine.Engine) (converged func() bool) {
	s.Helper()
	const waits = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event IN ('transactionid', 'tuple')"
	before := len(s.rows(waits))
	done := make(chan struct{})
	ctx := s.Context()
	go func() {
		defer close(done)
		_ = e.Converge(ctx)
	}()
	s.Cleanup(func() { <-done })
	converged = func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	waitFor(s, "the engine has converged or waits", func() bool { return converged() || len(s.rows(waits)) > before })
	return converged
}

// A decision under terms that are no longer in force must not commit.
func TestEpochPreventsCommitsUnderOlderTerms(t *testing.T) {
	guarded(t, func(s *shop, guard bool) string {
		s.declare("invite", fiveDollars())
		s.asOwner("INSERT INTO referral.engine_account (beneficiary_id, currency) VALUES ('anna', 'USD')")
		s.arrive(1, 1)
		if !guard {
			epoch := s.rows("SELECT epoch FROM referral.meta")[0]
			s.engine.Replace("fence", fmt.Sprintf("SELECT %s::bigint", epoch))
		}
		s.holdUp("anna", func() { s.declare("invite", fiveDollars(), inMode(reward.Suspended, 2)) })
		return strings.Join(s.rows("SELECT 'granted while suspended', user_id FROM referral.ledger"), "; ")
	})
}

// The first waiting pair is admitted first although another batch has locked its shard.
func TestWaitlistPreventsOvertaking(t *testing.T) {
	guarded(t, func(s *shop, guard bool) string {
		s.declare("invite", fiveDollars(), limited(1, 0, 100))
		s.friends(1, 8)
		if !guard {
			s.engine.Replace("waiting_by_need", `SELECT '', '', '', 0::bigint, false, 0::bigint, '{}'::bigint[], '{}'::bigint[], 0::bigint, false
				WHERE @campaign::text IS NULL AND (@budget::bigint, @kinds::bool[], @limit::bigint, @own::bigint) IS NULL`)
		}
		blocker := s.blocker()
		defer func() { _ = blocker.Rollback(context.WithoutCancel(s.Context())) }()
		_, err := blocker.Exec(s.Context(), "SELECT FROM referral.shard WHERE shard = referral.shard_of('u001') FOR UPDATE")
		testworld.Must(s, err)
		s.declare("invite", fiveDollars(), limited(2, 0, 500))
		s.write("UPDATE referral.signup SET attributes = '{}' WHERE referral.shard_of(user_id) <> referral.shard_of('u001')")
		converged := background(s, s.engine)
		if !guard {
			waitFor(s, "the engine has converged", converged) // it has nothing to wait for
		}
		return strings.Join(s.rows("SELECT 'overtook u001', user_id FROM referral.pair WHERE state = 'Granted' AND user_id <> 'u001'"), "; ")
	})
}

// A budget holds at every commit, since its capacity is read from what has been given.
func TestBudgetIsReadFromWhatWasGiven(t *testing.T) {
	guarded(t, func(s *shop, guard bool) string {
		s.declare("invite", fiveDollars(), limited(1, 0, 1200))
		if !guard {
			s.engine.Replace("load_budget", "SELECT unnest($1::text[]), unnest($3::bigint[]), 0::bigint, false WHERE ($2::text[], $4::text[]) IS NOT NULL")
		}
		for n := 1; n <= 4; n++ {
			s.arrive(n, n)
			testworld.Must(s, s.engine.Converge(s.Context()))
		}
		return s.overspent()
	})
}

// It holds also because no other batch admits pairs at the same time.
func TestCampaignLockPreventsOverspending(t *testing.T) {
	guarded(t, func(s *shop, guard bool) string {
		s.declare("invite", fiveDollars(), limited(1, 0, 500))
		s.asOwner("INSERT INTO referral.engine_account (beneficiary_id, currency) VALUES ('anna', 'USD'), ('carl', 'USD')")
		s.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('carl', 'invite', 'carl')")
		another := s.newEngine(engine.Options{})
		if !guard {
			s.engine.Replace("lock_campaign", "SELECT WHERE coalesce($1::text[], $2::text[]) IS NOT NULL")
			another.Replace("lock_campaign", "SELECT WHERE coalesce($1::text[], $2::text[]) IS NOT NULL")
		}
		s.arrive(1, 1)
		s.holdUp("anna", func() {
			s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) SELECT u, 'carl', now() - interval '1 h' FROM ` + elsewhere)
			s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT u, 'p', 2000, 'USD' FROM ` + elsewhere)
			background(s, another)
		})
		testworld.Must(s, s.engine.Converge(s.Context()))
		return s.overspent()
	})
}

// elsewhere returns a user of another shard than u001's.
const elsewhere = `(SELECT 'x' || n AS u FROM generate_series(1, 50) AS n
                     WHERE referral.shard_of('x' || n) NOT IN (SELECT (referral.shard_of('u001') + k) % (SELECT count(DISTINCT referral.shard_of(i::text)) FROM generate_series(1, 1000) i) FROM generate_series(0, 4) k) LIMIT 1) AS one`

// overspent reports campaigns that gave more than their budget.
func (s *shop) overspent() string {
	s.Helper()
	return strings.Join(s.rows(`SELECT c.name, 'gave', sum(amount)::text, 'of', c.budget_amount
	                              FROM referral.credit JOIN referral.campaign AS c ON c.name = campaign
	                             GROUP BY c.name, c.budget_amount HAVING sum(amount) > c.budget_amount`), "; ")
}

// No role can change or delete entries of the ledger.
func TestLedgerIsAppendOnly(t *testing.T) {
	guarded(t, func(s *shop, guard bool) string {
		s.declare("invite", fiveDollars())
		s.friends(1, 1)
		if !guard {
			s.asOwner("DROP TRIGGER ledger_append_only ON referral.ledger")
		}
		_, err := s.db.Exec(s.Context(), "UPDATE referral.ledger SET amount = 5000000")
		if guard && err == nil {
			s.Error("the ledger was changed")
		}
		return s.harm()
	})
}

// Many lost rows are not refunds, even if they are found in small steps.
func TestLossCountPreventsMassReversal(t *testing.T) {
	guarded(t, func(s *shop, guard bool) string {
		s.many()
		s.engine = s.newEngine(engine.Options{BatchSize: 64})
		if !guard {
			s.engine.Replace("record_loss", `SELECT WHERE coalesce($1::text[] IS NULL, $2::bool[] IS NULL, $3::bigint[] IS NULL, $4::bigint[] IS NULL)`)
		}
		s.write("DELETE FROM referral.purchase")
		testworld.Must(s, s.engine.Converge(s.Context()))
		return strings.Join(s.rows("SELECT count(*), 'pairs reversed' FROM referral.pair WHERE state = 'Reversed' HAVING count(*) > 100"), "; ")
	})
}
