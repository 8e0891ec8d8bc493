package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// newSpender is a crowd in which alice's earnings of 500 were adjusted to 600 and spent down to 400,
// and zoe has 70 from adjustments alone.
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

// A row of an adjustment or redemption behind the triggers counts from the next resync.
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
			s.resyncWithin(20 * time.Second)
			s.expect("drift", "SELECT sum(drift_corrected)::int FROM referral.resync_campaign", "1")

			must(t, writer.Commit(t.Context()))
			s.resync()
			s.expect("balances", "SELECT beneficiary_id, available::text FROM referral.balance WHERE beneficiary_id IN ('alice', 'zoe') ORDER BY 1", want...)
			s.drifted(2)
		})
	}
}

// resyncWithin compares everything, which must not take longer.
func (s *shop) resyncWithin(limit time.Duration) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), limit)
	defer cancel()
	must(s, s.engine.Resync(ctx))
}
