package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// openWriter begins a transaction of the shop that ends with the test at the latest.
func (s *shop) openWriter(isolation pgx.TxIsoLevel) pgx.Tx {
	s.Helper()
	tx, err := s.writer.BeginTx(s.Context(), pgx.TxOptions{IsoLevel: isolation})
	testworld.Must(s, err)
	s.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(s.Context())) })
	return tx
}

// execIn executes a statement that must not wait for a lock.
func (s *shop) execIn(tx pgx.Tx, sql string, arguments ...any) {
	s.Helper()
	_, err := tx.Exec(s.Context(), "SET LOCAL lock_timeout = '2s'")
	testworld.Must(s, err)
	_, err = tx.Exec(s.Context(), sql, arguments...)
	testworld.Must(s, err)
}

// convergeWithin lets the engine converge within a time limit.
func (s *shop) convergeWithin(limit time.Duration) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), limit)
	defer cancel()
	testworld.Must(s, s.engine.Converge(ctx))
}

const (
	adjust = `INSERT INTO referral.adjustment (beneficiary_id, adjustment_id, amount, currency) VALUES ($1, $2, $3, 'USD')`
	redeem = `INSERT INTO referral.redemption (beneficiary_id, redemption_id, amount, currency) VALUES ($1, $2, $3, 'USD')`
)

// arriveFor lets referees from..to sign up and buy, one in a hundred of them through r1's link.
func (s *shop) arriveFor(from, to int) {
	s.Helper()
	s.write(`INSERT INTO referral.link (code, campaign, referrer_id)
	         SELECT 'c' || n, 'invite', 'r' || n FROM generate_series(0, 99) AS n ON CONFLICT DO NOTHING`)
	s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at)
	         SELECT 'u' || n, 'c' || n % 100, now() - interval '1 hour' FROM generate_series($1::int, $2::int) AS n`, from, to)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
	         SELECT 'u' || n, 'p', 2000, 'USD' FROM generate_series($1::int, $2::int) AS n`, from, to)
}

// A writer may leave its transaction open for hours: all pairs are granted meanwhile, those of the
// same beneficiary among them.
func TestOpenWriterDelaysNoGrant(t *testing.T) {
	for _, isolation := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
		t.Run(string(isolation), func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars())
			s.arriveFor(1, 1)
			s.converge()

			writer := s.openWriter(isolation)
			s.execIn(writer, adjust, "r1", "goodwill", 100)
			s.execIn(writer, redeem, "r1", "order", 550)
			s.arriveFor(2, 441)
			s.convergeWithin(5 * time.Minute)
			s.expect("granted while the writer is open", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "441")
			s.expect("balance before the commit", "SELECT available::text FROM referral.balance WHERE beneficiary_id = 'r1'", "2500")

			testworld.Must(t, writer.Commit(t.Context()))
			s.expect("balance after the commit", "SELECT available::text, held::text FROM referral.balance WHERE beneficiary_id = 'r1'", "2050 0")
			s.consistent()
		})
	}
}

// A reversal does not wait for an open redemption of what it takes back either: the balance goes
// below zero.
func TestOpenRedemptionDelaysNoReversal(t *testing.T) {
	for _, isolation := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
		t.Run(string(isolation), func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars())
			s.arriveFor(1, 1)
			s.converge()

			writer := s.openWriter(isolation)
			s.execIn(writer, redeem, "r1", "order", 500)
			s.write("DELETE FROM referral.purchase WHERE user_id = 'u1'")
			s.convergeWithin(5 * time.Minute)
			s.expect("balance before the commit", "SELECT available::text FROM referral.balance", "0")
			testworld.Must(t, writer.Commit(t.Context()))
			s.expect("balance after the commit", "SELECT available::text FROM referral.balance", "-500")
			s.consistent()
		})
	}
}

// A batch that has written an account and not committed delays no writer of the same beneficiary.
func TestOpenBatchDelaysNoWriter(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arriveFor(1, 2)
	s.converge()
	s.arriveFor(101, 102) // r1's and r2's: accounts are written in this order
	s.holdUp("r2", func() {
		for _, isolation := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
			for _, beneficiary := range []string{"r1", "r2"} {
				writer := s.openWriter(isolation)
				s.execIn(writer, adjust, beneficiary, string(isolation), 100)
				s.execIn(writer, redeem, beneficiary, string(isolation), 200)
				testworld.Must(t, writer.Commit(t.Context()))
			}
		}
	})
	s.converge()
	s.expect("balances", balances, "r1 USD 700 0", "r2 USD 700 0")
}
