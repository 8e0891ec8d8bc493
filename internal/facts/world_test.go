package facts_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/facts"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// uid is the owner of every test's schema.
const uid = "0b9d5a52-1111-4222-8333-444455556666"

// world is a migrated database of the test's own, seen from a store that is
// the plain role and from the operator.
type world struct {
	testing.TB
	store    *facts.Store
	writer   *database.DB
	operator *database.DB
	own      *testworld.Database
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, own: testworld.NewDatabaseFrom(t, "facts", migrate)}
	w.operator, w.writer = w.open(w.own.URI), w.open(w.own.WriterURI)
	w.store = facts.New(w.writer)
	return w
}

func (w *world) open(uri string) *database.DB {
	w.Helper()
	db, err := database.Open(w.Context(), database.Config{URI: uri, Schema: database.DefaultSchema})
	must(w, err)
	w.Cleanup(db.Close)
	return db
}

// migrate fills the template that every test's database is copied from.
func migrate(ctx context.Context, own *testworld.Database) error {
	db, err := database.Open(ctx, database.Config{URI: own.URI, Schema: database.DefaultSchema})
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := database.Migrate(ctx, db); err != nil {
		return err
	}
	if _, err := database.Claim(ctx, db, database.Identity{Installation: "default", Name: "growth/shop", UID: uid}, ""); err != nil {
		return err
	}
	return database.GrantRoles(ctx, db, database.Roles{Writers: []string{testworld.WriterRole}})
}

// credit gives credit by hand.
func (w *world) credit(beneficiary string, amount int64) {
	w.Helper()
	_, err := w.writer.Exec(w.Context(), "INSERT INTO referral.adjustment (beneficiary_id, adjustment_id, amount, currency)"+
		" VALUES ($1, gen_random_uuid()::text, $2, 'USD')", beneficiary, amount)
	must(w, err)
}

// rows returns each row with its columns parted by spaces.
func (w *world) rows(sql string, arguments ...any) []string {
	w.Helper()
	rows, err := w.operator.Query(w.Context(), sql, arguments...)
	must(w, err)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		words := make([]string, len(values))
		for i, value := range values {
			words[i] = fmt.Sprint(value)
		}
		return strings.Join(words, " "), err
	})
	must(w, err)
	return all
}

func (w *world) expect(what, sql string, want ...string) {
	w.Helper()
	if diff := cmp.Diff(append([]string{}, want...), append([]string{}, w.rows(sql)...)); diff != "" {
		w.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMain(m *testing.M) { testworld.Main(m) }
