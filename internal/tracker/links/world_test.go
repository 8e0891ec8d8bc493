package links_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

func TestMain(m *testing.M) { testworld.Main(m) }

// world is a migrated database, and a directory that asks it as the plain writer would.
type world struct {
	testing.TB
	own       *testworld.Database
	owner     *pgxpool.Pool
	db        *postgres.DB
	proxy     *testworld.Proxy // between the directory and the database
	directory *links.Directory
	now       time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, own: migrated.New(t), now: time.Now()}
	w.owner = pool(t, w.own.URI)
	w.proxy = testworld.NewProxy(t, w.own.Server().Address())
	uri := strings.Replace(w.own.WriterURI, w.own.Server().Address(), w.proxy.Address(), 1)
	w.db = migrated.Open(t, uri)
	w.directory = links.NewDirectory(w.db, links.Options{
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Now: func() time.Time { return w.now },
	})
	return w
}

func pool(t testing.TB, uri string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), uri)
	testworld.Must(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func (w *world) asOwner(sql string, arguments ...any) {
	w.Helper()
	_, err := w.owner.Exec(w.Context(), sql, arguments...)
	testworld.Must(w, err)
}
