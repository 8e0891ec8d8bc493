package edge_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
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
	b.leads(b.do("GET", "/r/GUESS0"), 404, "") // was counted before
	// A code that names a link, if one that has ended, is no guess.
	b.leads(b.do("GET", "/r/expired"), 404, "")
	// A link is found whatever the limit, in memory or not.
	b.leads(b.do("GET", "/r/bob1"), 302, home)
	b.leads(b.do("GET", "/capture/?r=ann1"), 200, "")
	same(t, "codes", []string{"bob1", "ann1"}, b.codes())
	same(t, "arrivals", map[edge.Arrival]int{edge.Unknown: 6, edge.Limited: 2, edge.Ended: 1, edge.Touched: 2}, w.arrived)

	w.pass(10 * time.Second)
	b.leads(b.do("GET", "/r/guess6"), 404, "")
	b.leads(b.do("GET", "/r/guess7"), 429, "")
}

// A client may close its half of the connection after its request. That ends the request's context,
// and says nothing about the database.
func TestUnknownCodeOfAClientThatHasLeftIsAGuess(t *testing.T) {
	w := newWorld(t, func(o *edge.Options) {
		o.Limiter = clients.NewLimiter(clients.Limit{Burst: 1, PerSec: 0.1}, clients.Limit{})
	})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // so that it ends before the database answers
		w.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	for _, test := range []struct {
		target string
		status int
	}{
		{"/r/junk1", 404}, {"/r/junk2", 429}, {"/capture?ref=junk3", 200},
	} {
		connection, err := net.Dial("tcp", server.Listener.Addr().String())
		testworld.Must(t, err)
		_, err = fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: go.shop.example\r\n\r\n", test.target)
		testworld.Must(t, err)
		testworld.Must(t, connection.(*net.TCPConn).CloseWrite())
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		testworld.Must(t, err)
		testworld.Must(t, response.Body.Close())
		testworld.Must(t, connection.Close())
		same(t, "status of "+test.target, test.status, response.StatusCode)
		same(t, "Set-Cookie of "+test.target, "", response.Header.Get("Set-Cookie"))
	}
	server.Close() // returns once the handlers have ended
	same(t, "arrivals", map[edge.Arrival]int{edge.Unknown: 1, edge.Limited: 1}, w.arrived)
	same(t, "touches", []string{}, w.written())
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

// A popular campaign has ended: its links have expired. Its visitors come from one address, such as
// an office's, and each has another friend's link.
func TestVisitorsOfEndedLinksAreNotLimited(t *testing.T) {
	const fallback, visitors = "https://shop.example/", 60
	w := newWorld(t, func(o *edge.Options) {
		o.FallbackURL = fallback
		o.Limiter = clients.NewLimiter(clients.Limit{Burst: 1, PerSec: 0.1}, clients.Limit{Burst: 1, PerSec: 0.1})
	})
	_, err := w.owner.Exec(t.Context(), `INSERT INTO referral.link (code, campaign, referrer_id, expires_at, disabled_at)
		SELECT 'old' || n, 'spring', 'r' || n, CASE WHEN n % 2 = 0 THEN now() END, CASE WHEN n % 2 = 1 THEN now() END
		  FROM generate_series(1, $1) AS n`, visitors)
	testworld.Must(t, err)
	w.pass(time.Second)
	for n := range visitors {
		b := w.browser()
		b.leads(b.do("GET", fmt.Sprintf("/r/old%d", n+1)), 302, fallback)
		same(t, "codes", []string{}, b.codes())
	}
	same(t, "arrivals", map[edge.Arrival]int{edge.Ended: visitors}, w.arrived)
	b := w.browser()
	b.leads(b.do("GET", "/r/mistyped"), 302, fallback)
	b.leads(b.do("GET", "/r/mistyped-again"), 429, "")
}

// Guessers behind many addresses use up what all clients together may request.
func TestGuessersKeepNoOtherVisitorFromTheFallback(t *testing.T) {
	for name, test := range map[string]struct {
		fallback, retryAfter string
		status               int
	}{
		"with a fallback":    {"https://shop.example/", "", 302},
		"without a fallback": {"", "2", 429},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *edge.Options) {
				o.FallbackURL = test.fallback
				o.Limiter = clients.NewLimiter(clients.Limit{Burst: 5, PerSec: 0.5}, clients.Limit{Burst: 10, PerSec: 0.1})
			})
			for n := range 20 {
				b := w.browser()
				b.remote = fmt.Sprintf("198.51.100.%d:1", n)
				b.do("GET", fmt.Sprintf("/r/guess%d", n))
			}
			b := w.browser()
			response := b.do("GET", "/r/mistyped")
			b.leads(response, test.status, test.fallback)
			same(t, "Retry-After", test.retryAfter, response.Header.Get("Retry-After"))
			same(t, "arrivals", map[edge.Arrival]int{edge.Unknown: 10, edge.Limited: 11}, w.arrived)
		})
	}
}
