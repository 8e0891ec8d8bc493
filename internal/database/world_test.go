package database_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestMain(m *testing.M) { testworld.Main(m) }

// shop owns every test's schema.
var shop = database.Identity{Installation: "default", Name: "growth/shop", UID: "7f2d"}

// world is a migrated, owned and granted schema of the test's own.
type world struct {
	testing.TB
	*postgres.DB
	own    *testworld.Database
	writer *pgxpool.Pool // the plain role that writes facts
	reader *pgxpool.Pool // the plain role that reads
}

func newWorld(t testing.TB) *world {
	t.Helper()
	own := testworld.NewDatabaseFrom(t, "database", func(ctx context.Context, own *testworld.Database) error {
		db, err := postgres.Open(ctx, postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema})
		if err != nil {
			return err
		}
		defer db.Close()
		if _, err := database.Migrate(ctx, db); err != nil {
			return err
		}
		if _, err := database.Claim(ctx, db, shop, ""); err != nil {
			return err
		}
		roles := database.Roles{Writers: []string{testworld.WriterRole}, Readers: []string{testworld.ReaderRole}}
		return database.GrantRoles(ctx, db, roles)
	})
	return &world{
		TB: t, DB: open(t, own.URI, postgres.DefaultSchema), own: own,
		writer: plainPool(t, own.WriterURI), reader: plainPool(t, own.ReaderURI),
	}
}

// anew returns the same world for another test, with nothing declared or enqueued and the first
// owner.
func (w *world) anew(t testing.TB) *world {
	t.Helper()
	again := *w
	again.TB = t
	run(t, w, `
		DELETE FROM referral.campaign; DELETE FROM referral.reversal; DELETE FROM referral.revision; DELETE FROM referral.change;
		UPDATE referral.owner SET heartbeat_at = now(), released_at = NULL;
		UPDATE referral.meta SET schema_version = (SELECT max(version_id) FROM referral.schema_migration)`)
	run(t, w, "UPDATE referral.meta SET rules_version = $1", database.RulesVersion)
	run(t, w, `INSERT INTO referral.owner (installation, name, uid) VALUES ($1, $2, $3)
		ON CONFLICT (singleton) DO UPDATE SET installation = excluded.installation, name = excluded.name, uid = excluded.uid`,
		shop.Installation, shop.Name, shop.UID)
	return &again
}

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
