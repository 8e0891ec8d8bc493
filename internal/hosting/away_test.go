package hosting

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/jackc/pgx/v5/pgconn"
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
