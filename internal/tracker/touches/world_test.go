package touches_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
)

func TestMain(m *testing.M) { testworld.Main(m) }

// world is a migrated database, written to as the plain writer would.
type world struct {
	testing.TB
	db    *postgres.DB
	owner *postgres.DB
	proxy *testworld.Proxy // between the writer and the database
}

func newWorld(t testing.TB) *world {
	t.Helper()
	own := migrated.New(t)
	w := &world{TB: t, proxy: testworld.NewProxy(t, own.Server().Address())}
	w.db = migrated.Open(t, strings.Replace(own.WriterURI, own.Server().Address(), w.proxy.Address(), 1))
	w.owner = migrated.Open(t, own.URI)
	return w
}

// stopped returns a queue that does not run.
func (w *world) stopped(options touches.Options) *touches.Queue {
	options.Log = slog.New(slog.NewTextHandler(w.Output(), nil))
	return touches.NewQueue(w.db, options)
}

func (w *world) queue(options touches.Options) *touches.Queue {
	w.Helper()
	q := w.stopped(options)
	go q.Run(context.WithoutCancel(w.Context()))
	w.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = q.Close(ctx)
	})
	return q
}

func (w *world) close(q *touches.Queue) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	testworld.Must(w, q.Close(ctx))
}

// await returns once what a queue has done is as expected.
func (w *world) await(q *touches.Queue, what string, expected func(touches.Stats) bool) {
	w.Helper()
	for range 3000 {
		if expected(q.Stats()) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.Fatalf("%s: %+v", what, q.Stats())
}

// expect compares the ids of the touches that were written.
func (w *world) expect(want ...string) {
	w.Helper()
	rows, err := w.owner.Query(w.Context(), "SELECT touch_id FROM referral.touch ORDER BY touch_id")
	testworld.Must(w, err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	testworld.Must(w, err)
	if diff := cmp.Diff(append([]string{}, want...), append([]string{}, got...)); diff != "" {
		w.Errorf("touches (-want +got):\n%s", diff)
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func touch(id string) touches.Touch {
	return touches.Touch{VisitorID: "visitor", ID: id, Code: "ann1", At: noon, LandingURL: "https://shop.example/", Referer: ""}
}
