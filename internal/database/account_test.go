package database_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

const (
	serializationFailure = "40001"

	// earn changes the engine's row of an account as a batch does.
	earn = `INSERT INTO referral.engine_account AS a (beneficiary_id, currency, earned) VALUES ($1, 'USD', $2)
		ON CONFLICT (beneficiary_id, currency) DO UPDATE SET earned = a.earned + excluded.earned`
	available = "SELECT available::text FROM referral.balance WHERE beneficiary_id = $1"
)

var isolations = []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable}

// beginBatch begins a transaction as the engine does.
func (w *world) beginBatch(t testing.TB) pgx.Tx {
	t.Helper()
	tx, err := w.Begin(t.Context())
	testworld.Must(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	testworld.Exec(t, tx, "SET LOCAL lock_timeout = '2s'")
	testworld.Exec(t, tx, "SELECT FROM referral.balance")
	return tx
}

// begin begins a writer's transaction in which nothing may wait for a lock, and takes its snapshot.
func (w *world) begin(t testing.TB, writer *pgxpool.Pool, isolation pgx.TxIsoLevel) pgx.Tx {
	t.Helper()
	tx, err := writer.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: isolation})
	testworld.Must(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	testworld.Exec(t, tx, "SET LOCAL lock_timeout = '2s'")
	testworld.Exec(t, tx, "SELECT FROM referral.balance")
	return tx
}

func TestBalanceAddsBothRowsOfAnAccount(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w, earn, "earned", 500)
	testworld.Exec(t, w, "UPDATE referral.engine_account SET held = 70")
	testworld.Exec(t, w.writer, insertAdjustment, "adjusted", "1", 300, "USD")
	testworld.Exec(t, w.writer, insertAdjustment, "adjusted", "2", 40, "EUR")
	testworld.Exec(t, w.writer, insertAdjustment, "both", "1", -100, "USD")
	testworld.Exec(t, w, earn, "both", 500)
	testworld.Exec(t, w.writer, insertRedemption, "both", "1", 150, "USD")
	got := testworld.Column[string](t, w.reader, "SELECT concat_ws(' ', beneficiary_id, currency, available, held) FROM referral.balance ORDER BY beneficiary_id, currency")
	want := []string{"adjusted EUR 40 0", "adjusted USD 300 0", "both USD 250 0", "earned USD 500 70"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A balance costs the same beside one account and a million.
func TestBalanceOfOneBeneficiaryUsesBothKeys(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w, `INSERT INTO referral.engine_account (beneficiary_id, currency) SELECT n, 'USD' FROM generate_series(1, 20000) AS n`)
	testworld.Exec(t, w, `INSERT INTO referral.writer_account (beneficiary_id, currency) SELECT n, 'USD' FROM generate_series(1, 20000) AS n`)
	testworld.Exec(t, w, "ANALYZE referral.engine_account, referral.writer_account")
	for name, sql := range map[string]string{
		"one":        "SELECT * FROM referral.balance WHERE beneficiary_id = '7'",
		"several":    "SELECT * FROM referral.balance WHERE beneficiary_id = ANY ('{7,8,9}')",
		"first page": "SELECT * FROM referral.balance ORDER BY beneficiary_id, currency LIMIT 20",
		"subselect":  "SELECT (SELECT available FROM referral.balance WHERE beneficiary_id = u.id AND currency = 'USD') FROM (VALUES ('7'), ('8')) AS u(id)",
	} {
		t.Run(name, func(t *testing.T) {
			var text string
			testworld.Must(t, w.QueryRow(t.Context(), "EXPLAIN (ANALYZE, FORMAT json) "+sql).Scan(&text))
			var plan []struct{ Plan scan }
			testworld.Must(t, json.Unmarshal([]byte(text), &plan))
			read := plan[0].Plan.rows()
			if read > 100 {
				t.Errorf("%d rows were read", read)
			}
		})
	}
}

// scan is a node of a plan.
type scan struct {
	Relation string  `json:"Relation Name"`
	Rows     float64 `json:"Actual Rows"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Loops    float64 `json:"Actual Loops"`
	Plans    []scan
}

// rows is how many rows of tables were read.
func (s *scan) rows() int {
	read := 0
	if s.Relation != "" {
		read = int((s.Rows + s.Removed) * s.Loops)
	}
	for i := range s.Plans {
		read += s.Plans[i].rows()
	}
	return read
}

// A batch that is open has locked the engine's rows only: no adjustment and no redemption waits.
func TestOpenBatchDelaysNoWriter(t *testing.T) {
	for _, isolation := range isolations {
		t.Run(string(isolation), func(t *testing.T) {
			w := newWorld(t)
			testworld.Exec(t, w, earn, "b", 500)
			batch := w.beginBatch(t)
			testworld.Exec(t, batch, earn, "b", -500)
			testworld.Exec(t, batch, earn, "new", 500)

			writer := w.begin(t, w.writer, isolation)
			testworld.Exec(t, writer, insertAdjustment, "b", "1", 100, "USD")
			testworld.Exec(t, writer, insertRedemption, "b", "1", 600, "USD") // the reversal is not committed
			testworld.Exec(t, writer, insertAdjustment, "new", "1", 100, "USD")
			testworld.Exec(t, writer, insertRedemption, "new", "1", 100, "USD")
			testworld.Must(t, writer.Commit(t.Context()))
			testworld.Must(t, batch.Commit(t.Context()))
			if left := testworld.Value[string](t, w, available, "b"); left != "-500" {
				t.Errorf("%s are left", left)
			}
		})
	}
}

// A writer that is open has locked the writers' rows only: no batch waits.
func TestOpenWriterDelaysNoBatch(t *testing.T) {
	for _, isolation := range isolations {
		t.Run(string(isolation), func(t *testing.T) {
			w := newWorld(t)
			testworld.Exec(t, w, earn, "b", 500)
			writer := w.begin(t, w.writer, isolation)
			testworld.Exec(t, writer, insertAdjustment, "new", "1", 100, "USD")
			testworld.Exec(t, writer, insertRedemption, "b", "1", 500, "USD")

			batch := w.beginBatch(t)
			testworld.Exec(t, batch, earn, "b", 1)
			testworld.Exec(t, batch, earn, "new", 1)
			testworld.Exec(t, batch, "SELECT FROM referral.engine_account FOR UPDATE NOWAIT")
			testworld.Must(t, batch.Commit(t.Context()))
			testworld.Must(t, writer.Commit(t.Context()))
			if left := testworld.Value[string](t, w, available, "b"); left != "1" {
				t.Errorf("%s are left", left)
			}
		})
	}
}

// Whatever a writer's transaction has locked, a row that the engine updates is not among it.
func TestWritersLockOnlyTablesOfWriters(t *testing.T) {
	for _, isolation := range isolations {
		t.Run(string(isolation), func(t *testing.T) {
			w := newWorld(t)
			testworld.Exec(t, w, earn, "b", 500)
			writer := w.begin(t, w.writer, isolation)
			for _, sql := range []string{
				"INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'c', 'b')",
				"INSERT INTO referral.touch (visitor_id, code) VALUES ('v', 'a')",
				"INSERT INTO referral.signup (user_id, visitor_id, fingerprints) VALUES ('u', 'v', '{x}')",
				"INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u', 'p', 1, 'USD')",
				"INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('u', 'p', 'r', 1)",
				"INSERT INTO referral.override (user_id, purchase_id, verdict) VALUES ('u', 'p', 'Deny')",
				"INSERT INTO referral.adjustment (beneficiary_id, adjustment_id, amount, currency) VALUES ('b', '1', 1, 'USD')",
				"INSERT INTO referral.redemption (beneficiary_id, redemption_id, amount, currency) VALUES ('b', '1', 501, 'USD')",
				"INSERT INTO referral.action (visitor_id, action) VALUES ('v', 'view')",
				"UPDATE referral.link SET label = 'x'", "UPDATE referral.touch SET code = 'b'", "UPDATE referral.signup SET code = 'a'",
				"UPDATE referral.purchase SET amount = 2", "UPDATE referral.refund SET amount = 2", "UPDATE referral.override SET verdict = 'Allow'",
				"DELETE FROM referral.link", "DELETE FROM referral.touch", "DELETE FROM referral.signup",
				"DELETE FROM referral.purchase", "DELETE FROM referral.refund", "DELETE FROM referral.override",
			} {
				testworld.Exec(t, writer, sql)
			}
			got := testworld.Column[string](t, writer, `SELECT DISTINCT c.relname::text FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
				WHERE l.pid = pg_backend_pid() AND c.relkind = 'r' AND l.mode NOT IN ('AccessShareLock', 'SIReadLock') ORDER BY 1`)
			want := []string{"action", "adjustment", "change", "link", "link_count_change", "override", "purchase", "redemption", "refund", "signup", "touch", "writer_account"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// In READ COMMITTED a redemption sees what was committed before it, however old the transaction is.
// Any other transaction would see less: it has to be done again.
func TestRedemptionAcceptsNoOldSnapshot(t *testing.T) {
	for name, scene := range map[string]struct {
		meanwhile func(t *testing.T, w *world)
		amount    int
		committed string // state of a READ COMMITTED redemption
	}{
		"a reversal":           {func(t *testing.T, w *world) { t.Helper(); testworld.Exec(t, w, earn, "b", -500) }, 100, checkViolation},
		"a reversal of a part": {func(t *testing.T, w *world) { t.Helper(); testworld.Exec(t, w, earn, "b", -400) }, 100, ""},
		"a grant":              {func(t *testing.T, w *world) { t.Helper(); testworld.Exec(t, w, earn, "b", 100) }, 600, ""},
		"a redemption": {func(t *testing.T, w *world) {
			t.Helper()
			testworld.Exec(t, w.writer, insertRedemption, "b", "other", 450, "USD")
		}, 100, checkViolation},
		"an adjustment": {func(t *testing.T, w *world) {
			t.Helper()
			testworld.Exec(t, w.writer, insertAdjustment, "b", "other", -450, "USD")
		}, 100, checkViolation},
		"a reversal, then a lock": {func(t *testing.T, w *world) {
			t.Helper()
			testworld.Exec(t, w, earn, "b", -500)
			testworld.Exec(t, w.beginBatch(t), earn, "b", 1)
		}, 100, checkViolation},
		"a row that was lost": {func(t *testing.T, w *world) { t.Helper(); testworld.Exec(t, w, "DELETE FROM referral.engine_account") }, 100, checkViolation},
	} {
		for _, isolation := range isolations {
			t.Run(name+"/"+string(isolation), func(t *testing.T) {
				w := newWorld(t)
				testworld.Exec(t, w, earn, "b", 500)
				writer := w.begin(t, w.writer, isolation)
				scene.meanwhile(t, w)
				_, err := writer.Exec(t.Context(), insertRedemption, "b", "mine", scene.amount, "USD")
				want := scene.committed
				if isolation != pgx.ReadCommitted {
					want = serializationFailure
				}
				if testworld.SQLState(err) != want {
					t.Errorf("%v, want %q", err, want)
				}
				if want == serializationFailure && postgres.Classify(err) != postgres.ClassRetryable {
					t.Error("the error is not one to retry")
				}
			})
		}
	}
}

// Done again, on a snapshot of now, the redemption is decided by what is there.
func TestRedemptionIsDecidedOnAFreshSnapshot(t *testing.T) {
	for _, isolation := range isolations {
		t.Run(string(isolation), func(t *testing.T) {
			w := newWorld(t)
			testworld.Exec(t, w, earn, "b", 500)
			testworld.Exec(t, w, earn, "b", -200)
			writer := w.begin(t, w.writer, isolation)
			testworld.Exec(t, writer, insertAdjustment, "b", "1", 50, "USD")
			testworld.Exec(t, writer, insertRedemption, "b", "1", 150, "USD")
			testworld.Exec(t, writer, insertRedemption, "b", "2", 200, "USD")
			_, err := writer.Exec(t.Context(), insertRedemption, "b", "3", 1, "USD")
			if testworld.SQLState(err) != checkViolation || postgres.Constraint(err) != "redemption_covered" {
				t.Errorf("more than there is: %v", err)
			}
		})
	}
}

// Of two redemptions of the last money one is accepted, whatever their isolation.
func TestOfTwoRedemptionsTheSecondSeesTheFirst(t *testing.T) {
	for _, isolation := range isolations {
		t.Run(string(isolation), func(t *testing.T) {
			w := newWorld(t)
			testworld.Exec(t, w, earn, "b", 500)
			first, second := w.begin(t, w.writer, isolation), w.begin(t, w.writer, isolation)
			testworld.Exec(t, first, insertRedemption, "b", "1", 400, "USD")
			refused := make(chan error, 1)
			go func() {
				_, err := second.Exec(t.Context(), insertRedemption, "b", "2", 400, "USD")
				refused <- err
			}()
			select {
			case err := <-refused:
				t.Fatalf("it did not wait for the first: %v", err)
			case <-time.After(200 * time.Millisecond):
			}
			testworld.Must(t, first.Commit(t.Context()))
			want := checkViolation
			if isolation != pgx.ReadCommitted {
				want = serializationFailure
			}
			if err := <-refused; testworld.SQLState(err) != want {
				t.Errorf("the second: %v", err)
			}
			if left := testworld.Value[string](t, w, available, "b"); left != "100" {
				t.Errorf("%s are left", left)
			}
		})
	}
}

// The first redemption of an account creates its row, and so may a second at the same time.
func TestTwoRedemptionsCreateOneWriterAccount(t *testing.T) {
	for _, isolation := range isolations {
		t.Run(string(isolation), func(t *testing.T) {
			w := newWorld(t)
			admin := testworld.Pool(t, w.own.AdminURI)
			testworld.Exec(t, w, earn, "b", 500)
			first, second := w.begin(t, w.writer, isolation), w.begin(t, w.writer, isolation)
			testworld.Exec(t, first, insertRedemption, "b", "1", 100, "USD")
			done := make(chan error, 1)
			go func() {
				_, err := second.Exec(t.Context(), insertRedemption, "b", "2", 100, "USD")
				done <- errors.Join(err, second.Commit(t.Context()))
			}()
			eventually(t, "the second waits for the first", func() bool {
				return testworld.Value[bool](t, admin, `
					SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`)
			})
			testworld.Must(t, first.Rollback(t.Context()))
			if err := <-done; err != nil {
				t.Errorf("after the first was rolled back: %v", err)
			}
			if left := testworld.Value[string](t, w, available, "b"); left != "400" {
				t.Errorf("%s are left", left)
			}
		})
	}
}

// Statements with the same accounts in another order do not deadlock.
func TestRedemptionsLockAccountsByKey(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w.writer, insertAdjustment, "a", "1", 1000, "USD")
	testworld.Exec(t, w.writer, insertAdjustment, "b", "1", 1000, "USD")
	done := make(chan error, 2)
	for id, sql := range map[string]string{
		"up":   "INSERT INTO referral.redemption (beneficiary_id, redemption_id, amount, currency) SELECT b, $1 || n, 1, 'USD' FROM generate_series(1, 20) AS n, unnest('{a,b}'::text[]) AS b ORDER BY b",
		"down": "INSERT INTO referral.redemption (beneficiary_id, redemption_id, amount, currency) SELECT b, $1 || n, 1, 'USD' FROM generate_series(1, 20) AS n, unnest('{b,a}'::text[]) AS b ORDER BY b DESC",
	} {
		go func() {
			for round := range 20 {
				if _, err := w.writer.Exec(t.Context(), sql, id+string(rune('a'+round))); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range cap(done) {
		testworld.Must(t, <-done)
	}
	if left := testworld.Column[string](t, w, "SELECT available::text FROM referral.balance ORDER BY beneficiary_id"); !cmp.Equal(left, []string{"200", "200"}) {
		t.Errorf("left: %v", left)
	}
}

// Sums leave the range of bigint.
func TestAccountsHoldSumsBeyondBigint(t *testing.T) {
	w := newWorld(t)
	const largest = 1<<63 - 1
	for _, id := range []string{"1", "2", "3"} {
		testworld.Exec(t, w.writer, insertAdjustment, "b", id, int64(largest), "USD")
	}
	testworld.Exec(t, w.writer, `INSERT INTO referral.redemption (beneficiary_id, redemption_id, amount, currency) VALUES ('b', '1', $1, 'USD'), ('b', '2', $1, 'USD')`, int64(largest))
	if left := testworld.Value[string](t, w, available, "b"); left != "9223372036854775807" {
		t.Errorf("%s are left", left)
	}
	_, err := w.writer.Exec(t.Context(), `INSERT INTO referral.redemption (beneficiary_id, redemption_id, amount, currency) VALUES ('b', '3', $1, 'USD'), ('b', '4', 1, 'USD')`, int64(largest))
	if testworld.SQLState(err) != checkViolation {
		t.Errorf("more than there is: %v", err)
	}
}
