package testworld

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Executor is whatever runs statements: a pool, a connection or a transaction.
type Executor interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
}

// Pool opens a plain pool, without anything of the operator's, that closes when the test ends.
func Pool(t testing.TB, uri string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Exec runs a statement. The test ends if it fails.
func Exec(t testing.TB, on Executor, sql string, arguments ...any) {
	t.Helper()
	if _, err := on.Exec(t.Context(), sql, arguments...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Column returns the only column of a statement's result.
func Column[T any](t testing.TB, on Executor, sql string, arguments ...any) []T {
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

// Value returns the only value of a statement's result.
func Value[T any](t testing.TB, on Executor, sql string, arguments ...any) T {
	t.Helper()
	found := Column[T](t, on, sql, arguments...)
	if len(found) != 1 {
		t.Fatalf("%s: %d rows", sql, len(found))
	}
	return found[0]
}

// SQLState returns the SQLSTATE of an error; empty if it has none.
func SQLState(err error) string {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return server.Code
	}
	return ""
}
