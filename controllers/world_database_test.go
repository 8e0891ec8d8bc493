package controllers_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// newDatabase is a copy of a migrated database.
func (w *world) newDatabase() *testworld.Database {
	w.Helper()
	own := testworld.NewDatabaseFrom(w, "controllers", func(ctx context.Context, own *testworld.Database) error {
		db, err := postgres.Open(ctx, postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema})
		if err != nil {
			return err
		}
		defer db.Close()
		return database.Migrate(ctx, db)
	})
	w.secrets = append(w.secrets, passwordOf(w, own.URI))
	return own
}

func passwordOf(t testing.TB, uri string) string {
	t.Helper()
	parsed, err := url.Parse(uri)
	check(t, err)
	password, _ := parsed.User.Password()
	return password
}

// sql runs statements as the administrator of a database.
func (w *world) sql(own *testworld.Database, statement string, arguments ...any) {
	w.Helper()
	w.exec(own.AdminURI, statement, arguments...)
}

// shop runs statements as the shop does.
func (w *world) shop(own *testworld.Database, statement string, arguments ...any) {
	w.Helper()
	w.exec(own.WriterURI, statement, arguments...)
}

func (w *world) exec(uri, statement string, arguments ...any) {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // also when the test has ended
	defer cancel()
	connection, err := pgx.Connect(ctx, uri)
	check(w, err)
	defer func() { _ = connection.Close(ctx) }()
	mode := pgx.QueryExecModeExec
	if len(arguments) == 0 {
		mode = pgx.QueryExecModeSimpleProtocol // several statements
	}
	_, err = connection.Exec(ctx, statement, append([]any{mode}, arguments...)...)
	check(w, err)
}

func (w *world) pool(uri string) *pgxpool.Pool {
	w.Helper()
	pool, err := pgxpool.New(w.Context(), uri)
	check(w, err)
	w.Cleanup(pool.Close)
	return pool
}

// value is a query's one value, as the administrator sees it.
func value[T any](w *world, own *testworld.Database, statement string, arguments ...any) T {
	w.Helper()
	connection, err := pgx.Connect(w.Context(), own.AdminURI)
	check(w, err)
	defer func() { _ = connection.Close(context.Background()) }()
	var got T
	check(w, connection.QueryRow(w.Context(), statement, arguments...).Scan(&got))
	return got
}
