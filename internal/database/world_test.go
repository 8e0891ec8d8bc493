package database_test

import (
	"context"
	"testing"

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
		if err := database.Migrate(ctx, db); err != nil {
			return err
		}
		if _, err := database.Claim(ctx, db, shop, ""); err != nil {
			return err
		}
		roles := database.Roles{Writers: []string{testworld.WriterRole}, Readers: []string{testworld.ReaderRole}}
		return database.GrantRoles(ctx, db, shop.UID, 0, roles)
	})
	return &world{
		TB: t, DB: open(t, own.URI, postgres.DefaultSchema), own: own,
		writer: testworld.Pool(t, own.WriterURI), reader: testworld.Pool(t, own.ReaderURI),
	}
}

// anew returns the same world for another test, with nothing declared or enqueued and the first
// owner.
func (w *world) anew(t testing.TB) *world {
	t.Helper()
	again := *w
	again.TB = t
	testworld.Exec(t, w, `
		DELETE FROM referral.campaign; DELETE FROM referral.followed_policy; DELETE FROM referral.reversal; DELETE FROM referral.revision;
		DELETE FROM referral.change;
		UPDATE referral.owner SET heartbeat_at = now(), released_at = NULL;
		UPDATE referral.meta SET schema_version = (SELECT max(version_id) FROM referral.schema_migration)`)
	testworld.Exec(t, w, "UPDATE referral.meta SET rules_version = $1", database.RulesVersion)
	testworld.Exec(t, w, `INSERT INTO referral.owner (installation, name, uid) VALUES ($1, $2, $3)
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
