package edge_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/tracker/clients"
	"github.com/referral-operator/referral-operator/internal/tracker/edge"
)

func TestRepeatedClickWithinAMinuteIsOneTouch(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, step := range []struct {
		after  time.Duration
		target string
		want   edge.Arrival
	}{
		{0, "/r/ann1", edge.Touched},
		{time.Second, "/r/ann1", edge.Repeated},
		{time.Second, "/r/ANN1", edge.Repeated},
		{58*time.Second - time.Millisecond, "/capture?r=ann1", edge.Repeated},
		{time.Millisecond, "/r/ann1", edge.Touched},
		{time.Second, "/r/bob1", edge.Touched},
		{time.Second, "/r/ann1", edge.Touched}, // the last touch decides
	} {
		w.pass(step.after)
		clear(w.arrived)
		response := b.do("GET", step.target)
		if response.StatusCode >= 400 {
			t.Errorf("%s: %d", step.target, response.StatusCode)
		}
		same(t, step.target, map[edge.Arrival]int{step.want: 1}, w.arrived)
	}
	if got := w.written(); len(got) != 4 {
		t.Errorf("written: %q", got)
	}
}

// allTouches is the default of --total-touches-per-second.
var allTouches = clients.Limit{Burst: 20_000, PerSec: 200}

func TestFloodOfOneClientIsRememberedByCookieAlone(t *testing.T) {
	w := newWorld(t, func(o *edge.Options) {
		o.Stored = clients.NewTouchLimiter(clients.Limit{Burst: 3, PerSec: 1}, clients.DefaultVisitor, allTouches)
	})
	for range 20 {
		b := w.browser()
		b.leads(b.do("GET", "/r/ann1"), http.StatusFound, home)
		same(t, "codes", []string{"ann1"}, b.codes())
	}
	other := w.browser()
	other.remote = "203.0.113.10:1"
	other.do("GET", "/r/bob1")
	same(t, "arrivals", map[edge.Arrival]int{edge.Touched: 4, edge.Throttled: 17}, w.arrived)
	if got := w.written(); len(got) != 4 {
		t.Errorf("written: %q", got)
	}
}

func TestStoredAddressesAreShortAndTellNoSecrets(t *testing.T) {
	w := newWorld(t)
	w.pass(-time.Minute) // a touch is not stored with a later time than the database's
	long := strings.Repeat("ä", 2000)
	var want []string
	for _, test := range []struct{ target, referer, want string }{
		{"/r/ann1?utm_source=x&session=secret&utm_campaign=y&to=/spring", "https://forum.example/a?q=secret&utm_medium=m#secret",
			"ann1 https://go.shop.example/r/ann1?utm_source=x&utm_campaign=y https://forum.example/a?utm_medium=m"},
		{"/capture/item?token=secret&r=ann1&%75tm_source=x", "http://user:secret@forum.example/",
			"ann1 https://go.shop.example/item?r=ann1&%75tm_source=x http://forum.example/"},
		{"/r/bob1", "android-app://com.secret/", "bob1 https://go.shop.example/r/bob1 -"},
		{"/r/bob1", "javascript:alert(1)", "bob1 https://go.shop.example/r/bob1 -"},
		{"/r/bob1", "secret", "bob1 https://go.shop.example/r/bob1 -"},
		{"/r/bob1", "https://forum.example/" + long, "bob1 https://go.shop.example/r/bob1 https://forum.example/" + strings.Repeat("ä", 501)},
		{"/capture/" + strings.Repeat("x", 2000) + "?r=bob1", "", "bob1 https://go.shop.example/" + strings.Repeat("x", 1024-len("https://go.shop.example/")) + " -"},
	} {
		b := w.browser()
		w.pass(time.Second)
		b.do("GET", test.target, "Referer", test.referer)
		want = append(want, test.want)
	}
	got := w.written()
	same(t, "written", want, got)
	for _, line := range got {
		if strings.Contains(line, "secret") {
			t.Errorf("stored: %s", line)
		}
		for part := range strings.SplitSeq(line, " ") {
			if len(part) > 1024 {
				t.Errorf("%d bytes are stored: %s", len(part), part)
			}
		}
	}
}

// noise is text that the database cannot compress.
func noise(length int) string {
	var b strings.Builder
	for b.Len() < length {
		b.WriteString(rand.Text())
	}
	return b.String()[:length]
}

// Many clients that are one: a load balancer passes on what it claims in X-Forwarded-For, or it has
// an IPv6 /48. The bounds are those of docs/tracker.md.
func TestFloodFromManyAddressesIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		address       func(n int) string
		atOnce, later int // touches that are stored
	}{
		"claimed behind a load balancer": {func(n int) string { return fmt.Sprintf("198.%d.%d.%d", 18+n>>16, n>>8&255, n&255) }, 20_000, 200},
		"of one IPv6 /48":                {func(n int) string { return fmt.Sprintf("2001:db8:0:%x::1", n) }, 1200, 10},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *edge.Options) {
				o.Stored = clients.NewTouchLimiter(clients.Limit{Burst: 120, PerSec: 1}, clients.DefaultVisitor, allTouches)
			})
			next := 0
			flood := func(requests, stored int) {
				t.Helper()
				clear(w.arrived)
				for range requests {
					next++
					b := w.browser()
					b.remote = gateway
					b.leads(b.do("GET", "/r/ann1", "X-Forwarded-For", test.address(next)), http.StatusFound, home)
				}
				same(t, "arrivals", map[edge.Arrival]int{edge.Touched: stored, edge.Throttled: requests - stored}, w.arrived)
			}
			flood(22_000, test.atOnce)
			w.pass(time.Second)
			flood(500, test.later)
		})
	}
}

// An hour of a client that leaves as many and as large touches as it can. Each takes about 2.7 kB:
// its two addresses of 1 KiB, one of them out of line, and 300 bytes of indexes. The bound is the
// one of docs/tracker.md.
func TestOneClientsFloodIsBoundedInBytes(t *testing.T) {
	w := newWorld(t, func(o *edge.Options) {
		o.Stored = clients.NewTouchLimiter(clients.Limit{Burst: 120, PerSec: 1}, clients.DefaultVisitor, allTouches)
	})
	began := w.now()
	for w.now().Sub(began) < time.Hour {
		w.pass(500 * time.Millisecond)
		filler := noise(1024)
		w.browser().do("GET", "/capture/"+filler+"?r=ann1", "Referer", "https://forum.example/"+filler)
	}
	if got := w.arrived[edge.Touched]; got > 3600+120 {
		t.Errorf("%d touches are stored", got)
	}
	w.written()
	var bytes int
	if err := w.owner.QueryRow(t.Context(), "SELECT pg_total_relation_size('referral.touch')").Scan(&bytes); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d touches take %d bytes", w.arrived[edge.Touched], bytes)
	if bytes > 14_000_000 {
		t.Errorf("the table has grown to %d bytes", bytes)
	}
}
