package edge_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/edge"
)

func TestOutageKeepsRedirectsAndAttributions(t *testing.T) {
	for name, test := range map[string]struct {
		fallback, retryAfter string
		status               int
	}{
		"with a fallback":    {"https://shop.example/", "", 302},
		"without a fallback": {"", "5", 503},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *edge.Options) { o.FallbackURL = test.fallback })
			w.pass(-2 * time.Hour) // a touch is not stored with a later time than the database's
			w.browser().do("GET", "/r/ann1")
			w.proxy.Swallow()
			w.proxy.Cut()
			w.pass(time.Hour) // nothing that is remembered is fresh

			b := w.browser()
			b.leads(b.do("GET", "/r/ann1"), 302, home)
			same(t, "codes of a link that is known", []string{"ann1"}, b.codes())

			b = w.browser()
			w.pass(time.Second)
			response := b.do("GET", "/r/bob1")
			b.leads(response, test.status, test.fallback)
			same(t, "Retry-After", test.retryAfter, response.Header.Get("Retry-After"))
			same(t, "codes of a link that is not", []string{"bob1"}, b.codes())

			b = w.browser()
			b.remote = gateway
			w.pass(time.Second)
			response = b.do("GET", "/capture", "X-Original-URL", "https://shop.example/?r=ann2")
			b.leads(response, 200, "")
			same(t, "X-Referral-Code", "ann2", response.Header.Get("X-Referral-Code"))

			w.proxy.Pass()
			testworld.Must(t, w.directory.Refresh(t.Context()))
			same(t, "touches", []string{
				"ann1 https://go.shop.example/r/ann1 -", "ann1 https://go.shop.example/r/ann1 -",
				"bob1 https://go.shop.example/r/bob1 -", "ann2 https://shop.example/?r=ann2 -",
			}, w.written())
			b = w.browser()
			b.leads(b.do("GET", "/r/bob1"), 302, home)
		})
	}
}

// Gateways wait for half a second, and pass the visitor without a cookie then. A query of a database
// that has just stalled takes a second to fail.
func TestStallKeepsVisitorsBehindAGateway(t *testing.T) {
	for _, page := range []string{"/shop?r=ann1)&ref=Ann1", "/shop?r=ann2&r=ann1"} { // several queries each
		t.Run(page, func(t *testing.T) {
			w := newWorld(t, func(*edge.Options) {})
			for range 10 { // this machine may be slow
				w.browser().do("GET", "/r/ann1")
				w.proxy.Swallow()
				w.pass(time.Minute) // what is remembered is old
				before := w.warned.Load()
				b := w.browser()
				b.remote = gateway
				b.leads(b.do("GET", "/capture", "X-Original-URL", "https://shop.example"+page), 200, "")
				inTime := w.warned.Load() == before
				same(t, "codes", []string{"ann1"}, b.codes())
				w.proxy.Pass()
				testworld.Must(t, w.directory.Refresh(t.Context()))
				if inTime {
					return
				}
			}
			t.Error("the gateway is answered after the query has failed")
		})
	}
}

func TestOutageKeepsLinksInAnySpelling(t *testing.T) {
	w := newWorld(t, func(*edge.Options) {})
	w.browser().do("GET", "/r/ann1")
	w.proxy.Swallow()
	w.proxy.Cut()
	w.pass(time.Hour)
	for _, path := range []string{"/r/ann1.", "/r/ann1)", "/r/Ann1", "/r/ANN1,%20"} {
		b := w.browser()
		b.leads(b.do("GET", path), 302, home)
		same(t, "codes of "+path, []string{"ann1"}, b.codes())
	}
}

// A tail that may be a part of the code is kept while the database cannot be asked.
func TestOutageKeepsCodesWithTheirSymbols(t *testing.T) {
	w := newWorld(t, func(*edge.Options) {})
	_, err := w.owner.Exec(t.Context(), "INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('c', 'spring', 'ann')")
	testworld.Must(t, err)
	w.browser().do("GET", "/r/c")
	w.proxy.Swallow()
	w.proxy.Cut()
	w.pass(time.Hour)
	for given, want := range map[string]string{
		"c++": "c++", "50%": "50%", "k3x_": "k3x_", "k3x-": "k3x-", "🎉": "🎉", "?": "?", "k3x.": "k3x", "k3x).": "k3x", "k3x_.": "k3x_.",
	} {
		b := w.browser()
		response := b.do("GET", "/r/"+url.PathEscape(given))
		same(t, "codes of "+given, []string{want}, b.codes())
		if location := response.Header.Get("Location"); location == spring {
			t.Errorf("%s leads where the link c does", given)
		}
	}
}

// Any page of the shop may have such a parameter for a purpose of its own.
func TestOutageMakesNoTouchOfAParameterOfAnotherPurpose(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.do("GET", "/capture/shop?ref=header")
	same(t, "codes before", []string{}, b.codes())
	w.proxy.Swallow()
	w.proxy.Cut()
	w.pass(time.Minute)
	b.do("GET", "/r/ann1")
	w.pass(time.Minute)
	b.do("GET", "/r/bob1")
	for _, value := range []string{"header", "Header", "%20HEADER%20"} {
		w.pass(time.Minute)
		response := b.do("GET", "/capture/?ref="+value)
		same(t, "X-Referral-Code for "+value, "bob1", response.Header.Get("X-Referral-Code"))
		same(t, "codes for "+value, []string{"ann1", "bob1"}, b.codes())
	}
	// At /r/ the same code may be a link that was made a moment ago.
	other := w.browser()
	other.do("GET", "/r/header")
	same(t, "codes of a link", []string{"header"}, other.codes())

	same(t, "arrivals", map[edge.Arrival]int{edge.Touched: 3}, w.arrived)
}
