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
