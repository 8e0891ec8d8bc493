package controllers_test

import (
	"context"
	"net/url"
	"sync"
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
	session := w.session(ctx, uri)
	defer session.Release()
	mode := pgx.QueryExecModeExec
	if len(arguments) == 0 {
		mode = pgx.QueryExecModeSimpleProtocol // several statements
	}
	_, err := session.Exec(ctx, statement, append([]any{mode}, arguments...)...)
	check(w, err)
	_, err = session.Exec(ctx, "DISCARD ALL", pgx.QueryExecModeSimpleProtocol) // forgets what the statement has set
	check(w, err)
}

// sessions are pools by URI, for statements that need no session of their own: to start one takes as
// long as dozens of them.
type sessions struct {
	mu    sync.Mutex
	pools map[string]*pgxpool.Pool
}

// session returns a session that is as new, until it is released.
func (w *world) session(ctx context.Context, uri string) *pgxpool.Conn {
	w.Helper()
	session, err := w.sharedPool(uri).Acquire(ctx)
	check(w, err)
	return session
}

// sharedPool returns the pool of a URI. It closes when the test ends.
func (w *world) sharedPool(uri string) *pgxpool.Pool {
	w.Helper()
	w.sessions.mu.Lock()
	defer w.sessions.mu.Unlock()
	if pool := w.sessions.pools[uri]; pool != nil {
		return pool
	}
	config, err := pgxpool.ParseConfig(uri)
	check(w, err)
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec // tests alter tables
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	check(w, err)
	if w.sessions.pools == nil {
		w.sessions.pools = map[string]*pgxpool.Pool{}
	}
	w.sessions.pools[uri] = pool
	w.Cleanup(func() {
		w.sessions.mu.Lock()
		defer w.sessions.mu.Unlock()
		delete(w.sessions.pools, uri) // what cleans up later makes another
		pool.Close()
	})
	return pool
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
	session := w.session(w.Context(), own.AdminURI)
	defer session.Release()
	var got T
	check(w, session.QueryRow(w.Context(), statement, arguments...).Scan(&got))
	return got
}
