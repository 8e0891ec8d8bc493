package engine_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// newSpender returns a crowd in which alice's earnings of 500 were adjusted to 600 and spent down
// to 400, and zoe has 70 from adjustments alone.
func newSpender(t *testing.T) *shop {
	t.Helper()
	s := newCrowd(t)
	s.write(adjust, "alice", "a1", 100)
	s.write(redeem, "alice", "r1", 200)
	s.write(adjust, "zoe", "a1", 70)
	return s
}

func TestResyncPutsWriterAccountsRight(t *testing.T) {
	for name, damage := range map[string]struct {
		sql   string
		drift int64
	}{
		"nothing":          {`SELECT`, 0},
		"adjusted raised":  {`UPDATE referral.writer_account SET adjusted = adjusted + 100000 WHERE beneficiary_id = 'alice'`, 1},
		"redeemed lowered": {`UPDATE referral.writer_account SET redeemed = 0 WHERE beneficiary_id = 'alice'`, 1},
		"row lost":         {`DELETE FROM referral.writer_account WHERE beneficiary_id = 'zoe'`, 1},
		"both rows lost":   {`DELETE FROM referral.writer_account WHERE beneficiary_id = 'alice'; DELETE FROM referral.engine_account WHERE beneficiary_id = 'alice'`, 2},
		"all rows lost":    {`DELETE FROM referral.writer_account`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpender(t)
			before := s.rows(balances)
			s.behind(damage.sql)
			s.resync()
			s.expect("balances", balances, before...)
			s.drifted(damage.drift)
		})
	}
}

// An adjustment or redemption written behind the triggers counts from the next resync on.
func TestResyncCountsFactsWrittenBehindTheTriggers(t *testing.T) {
	s := newSpender(t)
	s.asOwner(`BEGIN; ALTER TABLE referral.adjustment DISABLE TRIGGER USER; ALTER TABLE referral.redemption DISABLE TRIGGER USER;
		INSERT INTO referral.adjustment (beneficiary_id, adjustment_id, amount, currency) VALUES ('erin', 'a1', 30, 'USD');
		INSERT INTO referral.redemption (beneficiary_id, redemption_id, amount, currency) VALUES ('alice', 'r2', 50, 'USD');
		ALTER TABLE referral.adjustment ENABLE TRIGGER USER; ALTER TABLE referral.redemption ENABLE TRIGGER USER; COMMIT`)
	s.resync()
	s.expect("balances", "SELECT beneficiary_id, available::text FROM referral.balance WHERE beneficiary_id IN ('alice', 'erin') ORDER BY 1", "alice 350", "erin 30")
	s.drifted(2)
}

// A writers' row that an open transaction has locked is left to the next resync, and the others are
// put right.
func TestResyncSkipsAWriterAccountThatIsLocked(t *testing.T) {
	for name, damage := range map[string]string{
		"row altered": `UPDATE referral.writer_account SET adjusted = adjusted + 1000`,
		"row lost":    `DELETE FROM referral.writer_account`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpender(t)
			want := []string{"alice 300", "zoe 70"}
			s.behind(damage)
			writer := s.openWriter(pgx.ReadCommitted)
			s.execIn(writer, adjust, "alice", "a2", 100)
			s.execIn(writer, redeem, "alice", "r2", 200)
			s.request()
			s.resyncWithin(5 * time.Minute)
			s.expect("drift", "SELECT sum(drift_corrected)::int FROM referral.resync_campaign", "1")

			testworld.Must(t, writer.Commit(t.Context()))
			s.resync()
			s.expect("balances", "SELECT beneficiary_id, available::text FROM referral.balance WHERE beneficiary_id IN ('alice', 'zoe') ORDER BY 1", want...)
			s.drifted(2)
		})
	}
}

// resyncWithin compares everything within a time limit.
func (s *shop) resyncWithin(limit time.Duration) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), limit)
	defer cancel()
	testworld.Must(s, s.engine.Resync(ctx))
}

// After a writer and a resync of one account have both committed, the row is the sum of the facts.
func TestResyncAndWriterOfOneAccountLoseNothing(t *testing.T) {
	repair, err := os.ReadFile("queries/repair_writer_account.sql")
	testworld.Must(t, err)
	for name, pause := range map[string]struct{ statement, sql string }{
		"writer commits before the row is locked": {"create_writer_account", `SELECT pg_advisory_xact_lock(7) WHERE coalesce($1::text[], $2::text[]) IS NOT NULL`},
		"writer waits for the locked row": {"repair_writer_account", strings.NewReplacer(
			"UPDATE", "WITH pause AS (SELECT pg_advisory_xact_lock(7)) UPDATE", "\n WHERE w.", "\n WHERE EXISTS (SELECT FROM pause) AND w.").Replace(string(repair))},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpender(t)
			s.behind(`UPDATE referral.writer_account SET adjusted = adjusted + 1000`)
			s.engine.Replace(pause.statement, pause.sql)
			s.request()
			resynced, written := make(chan error, 1), make(chan error, 1)
			s.whileLocked(func() {
				go func() { resynced <- s.engine.Resync(t.Context()) }()
				s.eventually("the resync has come so far", waitingFor7, "1")
				go func() {
					_, err := s.writer.Exec(t.Context(), redeem, "alice", "r2", 150)
					written <- err
				}()
				if pause.statement == "create_writer_account" {
					testworld.Must(t, <-written)
				} else {
					s.eventually("the writer waits", "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'", "1")
				}
			})
			testworld.Must(t, <-resynced)
			if pause.statement != "create_writer_account" {
				testworld.Must(t, <-written)
			}
			s.expect("balances", "SELECT beneficiary_id, available::text FROM referral.balance WHERE beneficiary_id IN ('alice', 'zoe') ORDER BY 1", "alice 250", "zoe 70")
			s.consistent()
		})
	}
	t.Run("writer has written the fact and not the row", func(t *testing.T) {
		s := newSpender(t)
		s.behind(`UPDATE referral.writer_account SET adjusted = adjusted + 1000`)
		s.asOwner(`CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END'`)
		s.asOwner(`CREATE TRIGGER a_pause AFTER INSERT ON referral.redemption FOR EACH STATEMENT EXECUTE FUNCTION pause()`)
		s.request()
		written := make(chan error, 1)
		s.whileLocked(func() {
			go func() {
				_, err := s.writer.Exec(t.Context(), redeem, "alice", "r2", 150)
				written <- err
			}()
			s.eventually("the writer has come so far", waitingFor7, "1")
			s.resyncWithin(5 * time.Minute)
		})
		testworld.Must(t, <-written)
		s.expect("balances", "SELECT beneficiary_id, available::text FROM referral.balance WHERE beneficiary_id IN ('alice', 'zoe') ORDER BY 1", "alice 250", "zoe 70")
		s.consistent()
	})
}

const waitingFor7 = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"

// whileLocked holds advisory lock 7 while something happens.
func (s *shop) whileLocked(do func()) {
	s.Helper()
	tx := s.blocker()
	defer func() { _ = tx.Rollback(context.WithoutCancel(s.Context())) }()
	_, err := tx.Exec(s.Context(), "SELECT pg_advisory_xact_lock(7)")
	testworld.Must(s, err)
	do()
	testworld.Must(s, tx.Rollback(s.Context()))
}
