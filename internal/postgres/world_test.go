package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestMain(m *testing.M) { testworld.Main(m) }

func open(t testing.TB, uri string, schema postgres.Schema) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URI: uri, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func plainPool(t testing.TB, uri string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// executor is any of the pools.
type executor interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
}

func run(t testing.TB, on executor, sql string, arguments ...any) {
	t.Helper()
	if _, err := on.Exec(t.Context(), sql, arguments...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// column returns the only column of a statement's result.
func column[T any](t testing.TB, on executor, sql string, arguments ...any) []T {
	t.Helper()
	rows, err := on.Query(t.Context(), sql, arguments...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return found
}

// value returns the only value of a statement's result.
func value[T any](t testing.TB, on executor, sql string, arguments ...any) T {
	t.Helper()
	found := column[T](t, on, sql, arguments...)
	if len(found) != 1 {
		t.Fatalf("%s: %d rows", sql, len(found))
	}
	return found[0]
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sqlState returns the SQLSTATE of an error; empty if it has none.
func sqlState(err error) string {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return server.Code
	}
	return ""
}
