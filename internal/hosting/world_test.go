package hosting_test

import (
	"context"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestMain(m *testing.M) { testworld.Main(m) }

const patience = time.Minute

var (
	shop     = types.NamespacedName{Namespace: "growth", Name: "shop"}
	identity = database.Identity{Installation: "default", Name: shop.String(), UID: "uid-1"}
	source   = hosting.Source{UID: identity.UID, Generation: 1}
)

// world is a running registry and a migrated database without an owner, behind a proxy.
type world struct {
	testing.TB
	*hosting.Registry
	own   *testworld.Database
	proxy *testworld.Proxy
	end   func() // ends the registry, once, and waits for it
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldWithLog(t, nil)
}

func newWorldWithLog(t testing.TB, log *slog.Logger) *world {
	t.Helper()
	own := testworld.NewDatabaseFrom(t, "hosting", func(ctx context.Context, own *testworld.Database) error {
		db, err := postgres.Open(ctx, postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema})
		if err != nil {
			return err
		}
		defer db.Close()
		return database.Migrate(ctx, db)
	})
	w := &world{TB: t, own: own, proxy: testworld.NewProxy(t, own.Server().Address())}
	w.Registry = hosting.NewRegistry(hosting.Options{
		PollInterval: 20 * time.Millisecond, IdlePollInterval: 50 * time.Millisecond, Reconcilers: 8, Log: log,
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	w.end = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("the hosts have not ended")
		}
	})
	t.Cleanup(w.end)
	return w
}

// config is how the database is hosted, through the proxy, edited.
func (w *world) config(edits ...func(*hosting.Config)) hosting.Config {
	w.Helper()
	uri, err := url.Parse(w.own.URI)
	if err != nil {
		w.Fatal(err)
	}
	uri.Host = w.proxy.Address()
	config := hosting.Config{
		Source: source, Identity: identity,
		Database: postgres.Config{URI: uri.String(), Schema: postgres.DefaultSchema, MaxConnections: 4},
	}
	for _, edit := range edits {
		edit(&config)
	}
	return config
}

// await waits until the state of the shop is as it should be.
func (w *world) await(want string, is func(hosting.State) bool) hosting.State {
	w.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		state := w.State(shop)
		if is(state) {
			return state
		}
		if time.Now().After(deadline) {
			w.Fatalf("not %s: %+v", want, state)
		}
	}
}

func (w *world) awaitPhase(phase hosting.Phase) {
	w.Helper()
	w.await(string(phase), func(s hosting.State) bool { return s.Phase == phase && s.Fault == nil })
}

// serve has the database hosted and claims it.
func (w *world) serve() {
	w.Helper()
	w.Ensure(shop, w.config())
	w.awaitPhase(hosting.Connected)
	w.claim()
	w.awaitPhase(hosting.Serving)
}

func (w *world) claim() {
	w.Helper()
	err := w.Prepare(w.Context(), shop, func(ctx context.Context, db *postgres.DB) error {
		_, err := database.Claim(ctx, db, identity, "")
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
}

// awaitChanges waits until a host has changed, and returns all that have. The new state shows a
// moment before its host counts as changed.
func (w *world) awaitChanges() []types.NamespacedName {
	w.Helper()
	for deadline := time.After(patience); ; {
		if changed := w.Changes().Drain(); len(changed) > 0 {
			return changed
		}
		select {
		case <-w.Changes().Arrived():
		case <-deadline:
			w.Fatal("no host has changed")
		}
	}
}

// connections is how many the operator has to the database, as the server sees it.
func (w *world) connections() int {
	w.Helper()
	connection, err := pgx.Connect(w.Context(), w.own.AdminURI)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = connection.Close(context.Background()) }()
	var count int
	err = connection.QueryRow(w.Context(),
		"SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'referral-operator'", w.own.Name).Scan(&count)
	if err != nil {
		w.Fatal(err)
	}
	return count
}

// awaitNoConnection waits until the server has ended every session of the operator. It does so a
// moment after the client has closed the connection.
func (w *world) awaitNoConnection() {
	w.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		open := w.connections()
		if open == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("%d connections are still open", open)
		}
	}
}

// query is a use of the database that has nothing to wait for.
func query(ctx context.Context, db *postgres.DB) error {
	_, err := db.Exec(ctx, "SELECT 1")
	return err
}
