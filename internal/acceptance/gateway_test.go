package acceptance

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// gatewayWorld is a gateway between visitors, a tracker that only answers, and a shop that only
// answers.
type gatewayWorld struct {
	testing.TB
	name    string // of the gateway
	address string
	trusts  *x509.CertPool

	mu      sync.Mutex
	tracker []*http.Request // what it has received, the newest last
	shop    []*http.Request
}

// eachGateway runs a test with each gateway that there is.
func eachGateway(t *testing.T, run func(w *gatewayWorld)) {
	t.Helper()
	authority, err := testworld.NewAuthority("an authority")
	testworld.Must(t, err)
	certificate, err := authority.Server(siteName)
	testworld.Must(t, err)
	trusts := x509.NewCertPool()
	trusts.AppendCertsFromPEM(authority.PEM())
	for name, start := range gateways {
		t.Run(name, func(t *testing.T) {
			w := &gatewayWorld{TB: t, name: name, trusts: trusts}
			tracker := httptest.NewServer(http.HandlerFunc(w.track))
			t.Cleanup(tracker.Close)
			shop := httptest.NewServer(http.HandlerFunc(w.sell))
			t.Cleanup(shop.Close)
			w.address = start(t, certificate, tracker.Listener.Addr().String(), shop.Listener.Addr().String())
			run(w)
		})
	}
}

// track answers as the tracker does about a visitor whose touch it remembers, unless the visitor
// has the cookie.
func (w *gatewayWorld) track(answer http.ResponseWriter, r *http.Request) {
	w.record(&w.tracker, r)
	answer.Header().Set("Cache-Control", "no-store")
	if r.URL.Path == "/r/long" {
		answer.Header().Set("Set-Cookie", longestCookie)
		answer.Header().Set("Location", longestLocation)
		answer.WriteHeader(http.StatusFound)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/r/") {
		http.Redirect(answer, r, "https://"+siteName+"/landing", http.StatusFound)
		return
	}
	if _, err := r.Cookie("__Host-referral"); err != nil {
		answer.Header().Set("Set-Cookie", "__Host-referral=token")
	}
	answer.Header().Set("X-Referral-Visitor", "v1")
	answer.Header().Set("X-Referral-Code", "ann1")
}

// A destination has at most 2,048 characters, each of which may be escaped to twelve bytes, and a
// browser keeps no longer cookie than 4 KiB.
var (
	longestLocation = "https://" + siteName + "/" + strings.Repeat("%F0%9F%98%80", 2048-len("https://"+siteName+"/"))
	longestCookie   = "__Host-referral=" + strings.Repeat("x", 4<<10-len("__Host-referral"))
)

// sell answers a websocket's handshake and sends back what it receives; other requests are answered
// with the number of bytes of their bodies. Caches may keep its pages under /cached.
func (w *gatewayWorld) sell(answer http.ResponseWriter, r *http.Request) {
	w.record(&w.shop, r)
	if strings.HasPrefix(r.URL.Path, "/cached") {
		answer.Header()["Cache-Control"] = cached
		answer.Header().Set("Expires", expires)
	}
	if strings.HasSuffix(r.URL.Path, "/missing") {
		answer.WriteHeader(http.StatusNotFound)
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || !strings.EqualFold(r.Header.Get("Connection"), "upgrade") {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(answer, n)
		return
	}
	connection, buffered, err := http.NewResponseController(answer).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	fmt.Fprint(connection, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	_, _ = io.Copy(connection, buffered)
}

// What the shop says about pages that caches may keep: the lines of Cache-Control, and Expires.
var cached = []string{"public, max-age=60", "stale-if-error=5"}

const expires = "Thu, 31 Dec 2099 00:00:00 GMT"

func (w *gatewayWorld) record(to *[]*http.Request, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*to = append(*to, r.Clone(context.WithoutCancel(r.Context())))
}

// recorded returns the requests that tracker and shop have received, and forgets them.
func (w *gatewayWorld) recorded() (tracker, shop []*http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	tracker, shop = w.tracker, w.shop
	w.tracker, w.shop = nil, nil
	return tracker, shop
}

// dial connects a visitor.
func (w *gatewayWorld) dial() *tls.Conn {
	w.Helper()
	connection, err := (&tls.Dialer{Config: &tls.Config{RootCAs: w.trusts, ServerName: siteName, MinVersion: tls.VersionTLS12}}).
		DialContext(w.Context(), "tcp", w.address)
	testworld.Must(w, err)
	w.Cleanup(func() { _ = connection.Close() })
	secure, _ := connection.(*tls.Conn)
	testworld.Must(w, secure.SetDeadline(time.Now().Add(time.Minute)))
	return secure
}

// get gets a page with these headers, each of which is "name: value", and returns the headers of
// the answer.
func (w *gatewayWorld) get(page string, headers ...string) http.Header {
	w.Helper()
	visitor := w.dial()
	lines := slices.Concat([]string{"GET " + page + " HTTP/1.1", "Host: " + siteName, "Connection: close"}, headers, []string{"", ""})
	_, err := io.WriteString(visitor, strings.Join(lines, "\r\n"))
	testworld.Must(w, err)
	response, err := http.ReadResponse(bufio.NewReader(visitor), nil)
	testworld.Must(w, err)
	testworld.Must(w, response.Body.Close())
	return response.Header
}

func TestGatewayPassesWebsocketsAndLargeUploads(t *testing.T) {
	eachGateway(t, func(w *gatewayWorld) {
		websocket := w.dial()
		fmt.Fprintf(websocket, "GET /live HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", siteName)
		answers := bufio.NewReader(websocket)
		response, err := http.ReadResponse(answers, nil)
		testworld.Must(w, err)
		defer response.Body.Close()
		if response.StatusCode != http.StatusSwitchingProtocols {
			w.Fatalf("the websocket is answered with %s", response.Status)
		}
		frame := bytes.Repeat([]byte("frame"), 1000)
		_, err = websocket.Write(frame)
		testworld.Must(w, err)
		echo := make([]byte, len(frame))
		if _, err := io.ReadFull(answers, echo); err != nil || !bytes.Equal(echo, frame) {
			w.Errorf("the websocket says %q, %v", echo, err)
		}

		upload := w.dial()
		const size = 20 << 20
		fmt.Fprintf(upload, "POST /upload HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", siteName, size)
		_, err = upload.Write(make([]byte, size))
		testworld.Must(w, err)
		response, err = http.ReadResponse(bufio.NewReader(upload), nil)
		testworld.Must(w, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		testworld.Must(w, err)
		if response.StatusCode != http.StatusOK || string(body) != fmt.Sprint(size) {
			w.Errorf("the upload: %s, %s of %d bytes", response.Status, body, size)
		}
		headers := map[string]string{"Set-Cookie": "__Host-referral=token"}
		if w.name == "nginx" { // as documented, the server adds a header of its own
			headers["Strict-Transport-Security"] = "max-age=31536000"
		}
		for name, want := range headers {
			if got := response.Header.Get(name); got != want {
				w.Errorf("%s: %q, want %q", name, got, want)
			}
		}

		// The tracker is asked about both, and needs neither.
		tracker, _ := w.recorded()
		for _, r := range tracker {
			if r.ContentLength > 0 || r.Header.Get("Upgrade") != "" {
				w.Errorf("the tracker receives %d bytes, and Upgrade: %s", r.ContentLength, r.Header.Get("Upgrade"))
			}
		}
	})
}

// A cache in front of the gateway would give one visitor's cookie to all others.
func TestNginxLetsNoCacheKeepAVisitorsCookie(t *testing.T) {
	eachGateway(t, func(w *gatewayWorld) {
		if w.name != "nginx" {
			w.Skip("it cannot, as docs/gateways.md says")
		}
		for name, test := range map[string]struct {
			page   string
			header string
			cookie bool
			want   []string // lines of Cache-Control
		}{
			"a cached page with the cookie":     {"/cached?r=ann1", "", true, []string{"no-cache", "private, no-store"}},
			"another page with the cookie":      {"/item?r=ann1", "", true, []string{"no-cache", "private, no-store"}},
			"a cached page of a known visitor":  {"/cached", "Cookie: __Host-referral=token", false, cached},
			"another page of a known visitor":   {"/item", "Cookie: __Host-referral=token", false, nil},
			"a missing page with the cookie":    {"/cached/missing?r=ann1", "", true, slices.Concat(cached, []string{"private, no-store"})},
			"a missing page without it":         {"/cached/missing", "Cookie: __Host-referral=token", false, cached},
			"a file":                            {"/cached.css?r=ann1", "", false, cached},
			"a link":                            {"/r/ann1", "", false, []string{"no-store"}},
			"a page with a code, prefetched":    {"/cached?r=ann1", "Sec-Purpose: prefetch", false, []string{"no-store"}},
			"a page with a code, in Turbo":      {"/cached?r=ann1", "X-Sec-Purpose: prefetch", false, []string{"no-store"}},
			"a page without a code, prefetched": {"/cached", "Sec-Purpose: prefetch", true, []string{"no-cache", "private, no-store"}},
		} {
			header := w.get(test.page, cmp.Or(test.header, "Accept: */*"))
			if got := header.Get("Set-Cookie") != ""; got != test.cookie {
				w.Errorf("%s: Set-Cookie: %s", name, header.Get("Set-Cookie"))
			}
			if got := header.Values("Cache-Control"); !slices.Equal(got, test.want) {
				w.Errorf("%s: Cache-Control: %q, want %q", name, got, test.want)
			}
			if header.Get("Expires") == expires && test.want[0] == "no-cache" {
				w.Errorf("%s: it expires at %s", name, expires)
			}
		}
	})
}

// Turbo shows an answer in HTML when its user clicks. It opens the page instead of showing any other.
func TestNginxAnswersAPrefetchWithoutHTML(t *testing.T) {
	eachGateway(t, func(w *gatewayWorld) {
		if w.name != "nginx" {
			w.Skip("it passes the tracker's answer on")
		}
		for _, page := range []string{"/item?r=ann1", "/item.html?r=ann1"} {
			header := w.get(page, "X-Sec-Purpose: prefetch")
			if got := header.Get("Content-Type"); got != "text/plain" {
				w.Errorf("%s: Content-Type: %s", page, got)
			}
		}
		if tracker, shop := w.recorded(); len(tracker)+len(shop) > 0 {
			w.Errorf("the tracker receives %d requests, the shop %d", len(tracker), len(shop))
		}
	})
}

func TestGatewayPassesTheLongestDestination(t *testing.T) {
	eachGateway(t, func(w *gatewayWorld) {
		header := w.get("/r/long")
		if got := header.Get("Location"); got != longestLocation {
			w.Errorf("the visitor is sent to %d bytes: %.40s", len(got), got)
		}
		if got := header.Get("Set-Cookie"); got != longestCookie {
			w.Errorf("the visitor gets a cookie of %d bytes", len(got))
		}
	})
}

// What a visitor sends under the names that gateway, tracker and shop use among themselves is never
// believed.
func TestGatewayPassesNothingThatAVisitorForges(t *testing.T) {
	const address, page = "203.0.113.9", "/?r=forged"
	forged := []string{
		"X-Referral-Visitor: forged", "X-Referral-Code: forged", "X-Original-URL: https://" + siteName + page, "X-Original-URI: " + page,
		"X-Forwarded-Uri: " + page, "X-Forwarded-Method: HEAD", "X-Original-Method: HEAD", "X-Forwarded-For: " + address,
	}
	eachGateway(t, func(w *gatewayWorld) {
		for page, test := range map[string]struct {
			asks, sells bool // the tracker is asked, the shop answers
			visitor     string
			location    string
		}{
			"/item?r=ann1":      {asks: true, sells: true, visitor: "v1"},
			"/style.css?r=ann1": {sells: true},
			"/r/ann1?to=/item":  {asks: true, location: "https://" + siteName + "/landing"},
			"/r/next.js":        {asks: true, location: "https://" + siteName + "/landing"}, // a code like a file's name
		} {
			if location := w.get(page, forged...).Get("Location"); location != test.location {
				w.Errorf("%s: the visitor is sent to %q", page, location)
			}
			tracker, shop := w.recorded()
			if (len(tracker) == 1) != test.asks || (len(shop) == 1) != test.sells {
				w.Errorf("%s: the tracker receives %d requests, the shop %d", page, len(tracker), len(shop))
				continue
			}
			for _, r := range slices.Concat(tracker, shop) {
				if strings.Contains(r.Header.Get("X-Forwarded-For"), address) {
					w.Errorf("%s: X-Forwarded-For: %s", page, r.Header.Get("X-Forwarded-For"))
				}
			}
			if test.asks {
				w.asks(tracker[0], page)
			}
			if test.sells && shop[0].Header.Get("X-Referral-Visitor") != test.visitor {
				w.Errorf("%s: the shop receives the visitor %q, want %q", page, shop[0].Header.Get("X-Referral-Visitor"), test.visitor)
			}
		}
	})
}

// asks checks that a request asks the tracker about a page. It may name the page in each header
// that the tracker reads; a page that differs would make the tracker believe none.
func (w *gatewayWorld) asks(r *http.Request, page string) {
	w.Helper()
	names := 0
	for _, name := range []string{"X-Original-Url", "X-Forwarded-Uri", "X-Original-Uri"} {
		if named := r.Header.Get(name); named != "" && strings.HasPrefix(r.URL.Path, "/capture") {
			names++
			if !strings.HasSuffix(named, page) {
				w.Errorf("%s: the tracker is asked about %s: %s", page, name, named)
			}
		}
	}
	if names == 0 && r.RequestURI != page {
		w.Errorf("%s: the tracker is asked %s", page, r.RequestURI)
	}
	if method := cmp.Or(r.Header.Get("X-Forwarded-Method"), r.Header.Get("X-Original-Method"), r.Method); names > 0 && method != http.MethodGet {
		w.Errorf("%s: the tracker is asked about %s", page, method)
	}
}
