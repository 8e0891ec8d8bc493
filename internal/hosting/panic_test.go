package hosting_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// A panic that a database causes is a fault of this database only, and passes: its engine is
// started again, while another database of the same process is used all the time.
func TestPanicIsAFaultOfItsDatabaseOnly(t *testing.T) {
	for name, test := range map[string]struct{ message, cause, remedy string }{
		"in the engine": {
			message: "Waiting for the database",
			cause:   "ALTER TABLE referral.revision RENAME TO hidden; UPDATE referral.meta SET epoch = epoch + 1",
			remedy:  "ALTER TABLE referral.hidden RENAME TO revision",
		},
		"in the host": {message: "Engine started", cause: "SELECT 1", remedy: "SELECT 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := &panicking{Handler: slog.DiscardHandler, message: test.message, armed: new(atomic.Bool)}
			w := newWorldWithLog(t, slog.New(handler))
			healthy := types.NamespacedName{Namespace: "growth", Name: "healthy"}
			w.Ensure(healthy, newWorld(t).config())
			w.awaitUse(healthy, func(ctx context.Context, db *postgres.DB) error {
				_, err := database.Claim(ctx, db, identity, "")
				return err
			})
			w.serve()
			w.awaitServing(healthy)

			handler.armed.Store(true)
			w.asAdmin(test.cause)
			if test.message == "Engine started" {
				w.Ensure(shop, w.config(func(c *hosting.Config) { c.Database.MaxConnections = 5 }))
			}
			state := w.await("a fault", func(s hosting.State) bool { return s.Fault != nil })
			if _, panicked := errors.AsType[*engine.PanicError](state.Fault); !panicked {
				t.Errorf("the fault is %v", state.Fault)
			}
			if err := w.Use(t.Context(), healthy, query); err != nil {
				t.Errorf("the other database cannot be used: %v", err)
			}
			w.asAdmin(test.remedy)
			w.awaitPhase(hosting.Serving)
			if err := w.Use(t.Context(), shop, query); err != nil {
				t.Error(err)
			}
		})
	}
}

// panicking is a log handler that panics once it is armed, at one message: it stands for code that
// meets a value which it did not expect.
type panicking struct {
	slog.Handler
	message string
	armed   *atomic.Bool
}

func (p *panicking) Enabled(context.Context, slog.Level) bool { return true }

func (p *panicking) WithAttrs([]slog.Attr) slog.Handler { return p }

func (p *panicking) Handle(_ context.Context, record slog.Record) error {
	if record.Message == p.message && p.armed.CompareAndSwap(true, false) {
		panic("an odd value")
	}
	return nil
}

// awaitUse waits until a host is connected, and uses its database.
func (w *world) awaitUse(name types.NamespacedName, use func(context.Context, *postgres.DB) error) {
	w.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := w.Prepare(w.Context(), name, use)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.Fatal(err)
		}
	}
}

func (w *world) awaitServing(name types.NamespacedName) {
	w.Helper()
	for deadline := time.Now().Add(patience); w.State(name).Phase != hosting.Serving; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("not serving: %+v", w.State(name))
		}
	}
}

func (w *world) asAdmin(sql string) {
	w.Helper()
	connection, err := pgx.Connect(w.Context(), w.own.AdminURI)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = connection.Close(context.Background()) }()
	if _, err := connection.Exec(w.Context(), sql); err != nil {
		w.Fatal(err)
	}
}
