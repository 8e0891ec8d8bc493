package edge_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/tracker/clients"
	"github.com/referral-operator/referral-operator/internal/tracker/edge"
)

func TestUnknownCodesAreLimited(t *testing.T) {
	w := newWorld(t, func(o *edge.Options) {
		o.Limiter = clients.NewLimiter(clients.Limit{Burst: 5, PerSec: 0.1}, clients.Limit{})
	})
	b := w.browser()
	for n := range 5 {
		b.leads(b.do("GET", fmt.Sprintf("/r/guess%d", n)), 404, "")
	}
	response := b.do("GET", "/r/guess5")
	b.leads(response, 429, "")
	same(t, "Retry-After", "10", response.Header.Get("Retry-After"))
	b.leads(b.do("GET", "/r/%ff"), 429, "")
	b.leads(b.do("GET", "/r/expired"), 429, "")
	b.leads(b.do("GET", "/r/GUESS0"), 404, "") // was counted before
	// A link is found whatever the limit, in memory or not.
	b.leads(b.do("GET", "/r/bob1"), 302, home)
	b.leads(b.do("GET", "/capture/?r=ann1"), 200, "")
	same(t, "codes", []string{"bob1", "ann1"}, b.codes())
	same(t, "arrivals", map[edge.Arrival]int{edge.Unknown: 6, edge.Limited: 3, edge.Touched: 2}, w.arrived)

	w.pass(10 * time.Second)
	b.leads(b.do("GET", "/r/guess6"), 404, "")
	b.leads(b.do("GET", "/r/guess7"), 429, "")
}

// 20 visitors behind the address of a client that requested pages with a parameter of another
// purpose.
func TestParametersOfOtherPurposesShutOutNoVisitor(t *testing.T) {
	w := newWorld(t)
	for n := range 100 {
		b := w.browser()
		b.leads(b.do("GET", fmt.Sprintf("/capture/?ref=producthunt%d", n/2)), 200, "")
		same(t, "codes", []string{}, b.codes())
	}
	for range 20 {
		b := w.browser()
		b.leads(b.do("GET", "/r/bob1"), 302, home)
		same(t, "codes", []string{"bob1"}, b.codes())
	}
	b := w.browser()
	b.leads(b.do("GET", "/r/mistyped"), 404, "")
	same(t, "arrivals", map[edge.Arrival]int{edge.Touched: 20, edge.Unknown: 1}, w.arrived)
}

func TestClientsBehindAProxyAreLimitedApart(t *testing.T) {
	w := newWorld(t, func(o *edge.Options) {
		o.Limiter = clients.NewLimiter(clients.Limit{Burst: 1, PerSec: 0.1}, clients.Limit{})
	})
	b := w.browser()
	b.remote = gateway
	b.leads(b.do("GET", "/r/guess1", "X-Forwarded-For", "203.0.113.9"), 404, "")
	b.leads(b.do("GET", "/r/guess2", "X-Forwarded-For", "1.1.1.1, 203.0.113.9"), 429, "")
	b.leads(b.do("GET", "/r/guess3", "X-Forwarded-For", "203.0.113.10"), 404, "")
}
