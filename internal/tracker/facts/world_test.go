package facts_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
)

// world is a migrated database of one test: a store that connects as a writer, and connections of a
// writer and of the operator.
type world struct {
	testing.TB
	store    *facts.Store
	writer   *postgres.DB
	operator *postgres.DB
	own      *testworld.Database
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, own: migrated.New(t)}
	w.operator, w.writer = migrated.Open(t, w.own.URI), migrated.Open(t, w.own.WriterURI)
	w.store = facts.New(w.writer, w.writer)
	return w
}

// credit gives credit by hand.
func (w *world) credit(beneficiary string, amount int64) {
	w.Helper()
	_, err := w.writer.Exec(w.Context(), "INSERT INTO referral.adjustment (beneficiary_id, adjustment_id, amount, currency)"+
		" VALUES ($1, gen_random_uuid()::text, $2, 'USD')", beneficiary, amount)
	testworld.Must(w, err)
}

func (w *world) expect(what, sql string, want ...string) {
	w.Helper()
	if diff := cmp.Diff(append([]string{}, want...), append([]string{}, migrated.Rows(w, w.operator, sql)...)); diff != "" {
		w.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// await returns once a statement of the writer returns true.
func (w *world) await(t *testing.T, sql string, arguments ...any) {
	t.Helper()
	const patience = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for reached := false; !reached; {
		testworld.Must(t, w.writer.QueryRow(ctx, sql, arguments...).Scan(&reached))
	}
}

func TestMain(m *testing.M) { testworld.Main(m) }
