package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestEachTransactionNamesItsIsolation(t *testing.T) {
	own := testworld.NewDatabase(t)
	own.MakeHostile(t, own.Operator, "default_transaction_isolation = 'serializable'")
	db := open(t, own.URI, postgres.DefaultSchema)
	const settings = `SELECT concat_ws(', ', current_setting('transaction_isolation'), current_setting('transaction_read_only'),
		current_setting('search_path'), current_setting('lock_timeout'), current_setting('statement_timeout'),
		current_setting('idle_in_transaction_session_timeout'))`
	const writing = "read committed, off, pg_catalog, pg_temp, 30s, 30s, 30s"
	const snapshot = "repeatable read, on, pg_catalog, pg_temp, 30s, 30s, 30s"
	for name, test := range map[string]struct {
		want string
		ask  func(ctx context.Context) (string, error)
	}{
		"one that writes": {writing, func(ctx context.Context) (got string, err error) {
			err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { return tx.QueryRow(ctx, settings).Scan(&got) })
			return got, err
		}},
		"one row": {writing, func(ctx context.Context) (got string, err error) {
			err = db.QueryRow(ctx, settings).Scan(&got)
			return got, err
		}},
		"rows": {writing, func(ctx context.Context) (string, error) {
			rows, err := db.Query(ctx, settings)
			if err != nil {
				return "", err
			}
			return pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
		}},
		"one with limits": {strings.Replace(writing, "temp, 30s, 30s", "temp, 1500ms, 3s", 1), func(ctx context.Context) (got string, err error) {
			err = db.WithLimits(postgres.Limits{Lock: 1500 * time.Millisecond, Statement: 3 * time.Second}).QueryRow(ctx, settings).Scan(&got)
			return got, err
		}},
		"a snapshot": {snapshot, func(ctx context.Context) (got string, err error) {
			err = db.Snapshot(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, settings).Scan(&got) })
			return got, err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.ask(t.Context())
			testworld.Must(t, err)
			if got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
	if used := db.Stat().AcquiredConns(); used != 0 {
		t.Errorf("%d connections were not given back", used)
	}
}

// By default its transaction would wait until no transaction of a writer is open.
func TestBareStatementDoesNotHaveTheIsolationOfTheRole(t *testing.T) {
	own := testworld.NewDatabase(t)
	own.MakeHostile(t, own.Operator, testworld.HostileDefaults()["all of it together"])
	db := open(t, own.URI, postgres.DefaultSchema)
	for range 2 {
		var isolation string
		testworld.Must(t, db.QueryBare(t.Context(), "SELECT current_setting('transaction_isolation')").Scan(&isolation))
		if isolation != "read committed" {
			t.Errorf("isolation %s", isolation)
		}
	}
}

// A role that may create functions in a schema of the default search_path must not be called.
func TestBareStatementHasASearchPathOfItsOwn(t *testing.T) {
	own := testworld.NewDatabase(t)
	own.MakeHostile(t, own.Operator, "search_path = hostile, pg_catalog")
	db := open(t, own.URI, postgres.DefaultSchema)
	for range 2 { // before and after the statement has been described
		var path, joined string
		err := db.QueryBare(t.Context(), "SELECT current_setting('search_path'), concat_ws(', ', $1::text, 'b')", "a").Scan(&path, &joined)
		testworld.Must(t, err)
		if path != "pg_catalog, pg_temp" || joined != "a, b" {
			t.Errorf("search_path %q, %q", path, joined)
		}
	}
	if err := db.QueryBare(t.Context(), "SELECT 1/$1", 0).Scan(new(int)); testworld.SQLState(err) != "22012" {
		t.Errorf("got %v", err)
	}
	if err := db.QueryBare(t.Context(), "SELECT WHERE false").Scan(new(int)); !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("got %v", err)
	}
	if used := db.Stat().AcquiredConns(); used != 0 {
		t.Errorf("%d connections were not given back", used)
	}
}

func TestAFailedStatementGivesItsConnectionBack(t *testing.T) {
	db := open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema)
	_, err := db.Exec(t.Context(), "SELECT 1/0")
	if testworld.SQLState(err) != "22012" {
		t.Errorf("Exec: %v", err)
	}
	if err := db.QueryRow(t.Context(), "SELECT 1/0").Scan(new(int)); testworld.SQLState(err) != "22012" {
		t.Errorf("QueryRow: %v", err)
	}
	rows, err := db.Query(t.Context(), "SELECT 1/0")
	if err == nil {
		_, err = pgx.CollectRows(rows, pgx.RowTo[int])
	}
	if testworld.SQLState(err) != "22012" {
		t.Errorf("Query: %v", err)
	}
	rows, err = db.Query(t.Context(), "SELECT 'x'")
	testworld.Must(t, err)
	if _, err := pgx.CollectRows(rows, pgx.RowTo[int]); err == nil {
		t.Error("a text was read as a number")
	}
	if used := db.Stat().AcquiredConns(); used != 0 {
		t.Errorf("%d connections were not given back", used)
	}
}
