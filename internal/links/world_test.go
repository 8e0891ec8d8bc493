package links_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/links"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestMain(m *testing.M) { testworld.Main(m) }

// world is a migrated database, and a directory that asks it as the plain
// writer would.
type world struct {
	testing.TB
	own       *testworld.Database
	owner     *pgxpool.Pool
	db        *database.DB
	proxy     *testworld.Proxy // between the directory and the database
	directory *links.Directory
	now       time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, own: testworld.NewDatabaseFrom(t, "links", migrate), now: time.Now()}
	w.owner = pool(t, w.own.URI)
	w.proxy = testworld.NewProxy(t, w.own.Server().Address())
	uri := strings.Replace(w.own.WriterURI, w.own.Server().Address(), w.proxy.Address(), 1)
	db, err := database.Open(t.Context(), database.Config{URI: uri, Schema: database.DefaultSchema})
	must(t, err)
	t.Cleanup(db.Close)
	w.db = db
	w.directory = links.NewDirectory(db, links.Options{
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Now: func() time.Time { return w.now },
	})
	return w
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
	who := database.Identity{Installation: "default", Name: "growth/shop", UID: "uid"}
	if _, err := database.Claim(ctx, db, who, ""); err != nil {
		return err
	}
	return database.GrantRoles(ctx, db, database.Roles{Writers: []string{testworld.WriterRole}})
}

func pool(t testing.TB, uri string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), uri)
	must(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func (w *world) asOwner(sql string, arguments ...any) {
	w.Helper()
	_, err := w.owner.Exec(w.Context(), sql, arguments...)
	must(w, err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
