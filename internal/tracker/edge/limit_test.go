package edge_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/tracker/clients"
	"github.com/referral-operator/referral-operator/internal/tracker/edge"
)

func TestGuessingDoesNotScale(t *testing.T) {
	w := newWorld(t, func(o *edge.Options) { o.Limiter = clients.NewLimiter(clients.Limit{Burst: 5, PerSec: 0.1}) })
	neighbour := w.browser()
	neighbour.remote = "203.0.113.10:1234"
	neighbour.do("GET", "/r/ann1")

	guesser := w.browser()
	for n := range 5 {
		guesser.leads(guesser.do("GET", fmt.Sprintf("/r/guess%d", n)), 404, "")
	}
	response := guesser.do("GET", "/r/guess5")
	guesser.leads(response, 429, "")
	same(t, "Retry-After", "10", response.Header.Get("Retry-After"))
	guesser.leads(guesser.do("GET", "/r/bob1"), 429, "") // is there, and he does not learn of it
	guesser.leads(guesser.do("GET", "/r/%ff"), 429, "")
	guesser.leads(guesser.do("GET", "/r/ann1"), 302, home) // is followed by others anyway

	response = guesser.do("GET", "/capture/?r=bob1")
	guesser.leads(response, 200, "")
	same(t, "X-Referral-Code", "ann1", response.Header.Get("X-Referral-Code"))

	neighbour.leads(neighbour.do("GET", "/r/bob1"), 302, home)
	neighbour.leads(neighbour.do("GET", "/r/mistyped"), 404, "")
	same(t, "arrivals", map[edge.Arrival]int{edge.Unknown: 6, edge.Limited: 4, edge.Touched: 3}, w.arrived)

	w.now = w.now.Add(10 * time.Second)
	guesser.leads(guesser.do("GET", "/r/guess6"), 404, "")
	guesser.leads(guesser.do("GET", "/r/guess7"), 429, "")
}

func TestClientsBehindAProxyAreLimitedApart(t *testing.T) {
	w := newWorld(t, func(o *edge.Options) { o.Limiter = clients.NewLimiter(clients.Limit{Burst: 1, PerSec: 0.1}) })
	b := w.browser()
	b.remote = gateway
	b.leads(b.do("GET", "/r/guess1", "X-Forwarded-For", "203.0.113.9"), 404, "")
	b.leads(b.do("GET", "/r/guess2", "X-Forwarded-For", "1.1.1.1, 203.0.113.9"), 429, "")
	b.leads(b.do("GET", "/r/guess3", "X-Forwarded-For", "203.0.113.10"), 404, "")
}
