package hosting

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/referral-operator/referral-operator/internal/database"
)

func TestStateSaysSinceWhenADatabaseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusedPassword := &pgconn.PgError{Code: "28P01"}
		h := newHost(NewRegistry(Options{}), types.NamespacedName{Namespace: "growth", Name: "shop"})
		began := time.Now()
		since := func(when string, want time.Time) {
			t.Helper()
			if got := h.state().AwaySince; !got.Equal(want) {
				t.Errorf("%s: away since %v, want %v", when, got, want)
			}
			time.Sleep(time.Second)
		}
		since("while it connects", began)
		h.cut(errors.New("no answer"))
		since("while it cannot connect", began)
		h.change(func(c *condition) { c.phase, c.outage = Connected, nil })
		since("connected", time.Time{})
		h.change(func(c *condition) { c.engine = errors.New("a panic") })
		since("while its engine fails", time.Time{})
		cut := time.Now()
		h.cut(refusedPassword)
		since("cut off", cut)
		h.observe(refusedPassword)
		since("still cut off", cut)
		h.observe(nil)
		since("once it answers", time.Time{})
		h.cut(refusedPassword)
		time.Sleep(time.Second)
		configured := time.Now()
		h.configure(Config{Source: Source{UID: "another"}})
		since("under other settings", configured)
	})
}

// While the circuit is open, the database is pinged each second, and each ping may be a refused
// login.
func TestSecretIsReadAgainOnceEachTimeThatADatabaseBecomesUnusable(t *testing.T) {
	refusedPassword := &pgconn.PgError{Code: "28P01"}
	h := newHost(NewRegistry(Options{}), types.NamespacedName{Namespace: "growth", Name: "shop"})
	doubts := func(when string, outcome error, want int) {
		t.Helper()
		got := 0
		for range 100 {
			h.observe(outcome)
			got += len(h.registry.doubted.Drain())
		}
		if got != want {
			t.Errorf("%s: %d doubts, want %d", when, got, want)
		}
	}
	doubts("while it answers", nil, 0)
	doubts("while it refuses the password", refusedPassword, 1)
	doubts("once it answers again", nil, 0)
	doubts("while it is gone", &pgconn.PgError{Code: "57P01"}, 1)
	doubts("while it refuses the password when it is back", refusedPassword, 0)
	h.configure(Config{Source: Source{UID: "another"}})
	doubts("while it refuses other settings", refusedPassword, 1)
}

// The host may connect under new settings as soon as it can read them.
func TestNewSettingsCountAsConnectingOnceTheyCanBeRead(t *testing.T) {
	h := newHost(NewRegistry(Options{}), types.NamespacedName{Namespace: "growth", Name: "shop"})
	for n := range 200_000 {
		h.change(func(c *condition) { c.phase = Connected })
		found := make(chan Phase)
		go func() {
			for len(h.configured) == 0 {
				runtime.Gosched()
			}
			<-h.configured
			found <- h.state().Phase
		}()
		h.configure(Config{Source: Source{Generation: int64(n)}, Identity: database.Identity{UID: fmt.Sprint(n)}})
		if phase := <-found; phase != Connecting {
			t.Fatalf("settings %d: %s", n, phase)
		}
	}
}
