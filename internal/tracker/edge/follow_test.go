package edge_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/edge"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

func TestLinkIsFollowedInAnySpelling(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct{ method, target, code, location string }{
		{"GET", "/r/ann1", "ann1", home}, {"GET", "/r/ann1/", "ann1", home},
		{"GET", "/referral/ann1", "ann1", home}, {"GET", "/referral/ann1/", "ann1", home},
		{"GET", "/r/ANN1", "ann1", home}, {"GET", "/r/%20Ann1%20", "ann1", home}, {"GET", "/r/ann1?utm_source=x", "ann1", home + "?utm_source=x"},
		{"GET", "/r/%09ANN1%0D%0A", "ann1", home},
		{"GET", "/r/ann2", "ann2", spring}, {"GET", "/r/ann2/?to=", "ann2", spring},
	} {
		t.Run(test.method+" "+test.target, func(t *testing.T) {
			b := w.browser()
			response := b.do(test.method, test.target)
			b.leads(response, 302, test.location)
			same(t, "Cache-Control", "no-store", response.Header.Get("Cache-Control"))
			same(t, "Referrer-Policy", "strict-origin", response.Header.Get("Referrer-Policy"))
			same(t, "codes", []string{test.code}, b.codes())
		})
	}
}

// The database lowers codes, and some of them otherwise than Go.
func TestTheDatabaseNormalisesCodes(t *testing.T) {
	for _, given := range []string{"ΟΔΟΣ", "İSTANBUL", "STRAẞE"} {
		w := newWorld(t)
		var code string
		testworld.Must(t, w.owner.QueryRow(t.Context(), `INSERT INTO referral.link (code, campaign, referrer_id, destination)
			VALUES (referral.normal_code($1), 'spring', 'ann', $2) RETURNING code`, given, home).Scan(&code))
		b := w.browser()
		b.leads(b.do("GET", "/r/"+url.PathEscape(given)), 302, home)
		same(t, "codes", []string{code}, b.codes())
		b = w.browser()
		b.remote = gateway
		response := b.do("GET", "/capture", "X-Original-URL", "https://shop.example/?r="+url.QueryEscape(" "+given))
		same(t, "X-Referral-Code", code, response.Header.Get("X-Referral-Code"))
	}
}

func TestTouchIsInTokenAndDatabase(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	response := b.do("GET", "/r/ann1/?to=/item", "Referer", "https://user:secret@blog.example/post?x=1#top")
	cookie := response.Header.Get("Set-Cookie")
	for _, part := range []string{cookieName + "=" + visitor.Prefix, "; Path=/", "; Max-Age=2592000", "; HttpOnly", "; SameSite=Lax", "; Secure"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("%s has no %q", cookie, part)
		}
	}
	token := b.token()
	same(t, "touches", []string{"ann1 https://go.shop.example/r/ann1/ https://blog.example/post"}, w.written())
	var got visitor.Touch
	var visitorID string
	testworld.Must(t, w.owner.QueryRow(t.Context(), "SELECT visitor_id, touch_id, code, touched_at FROM referral.touch").
		Scan(&visitorID, &got.ID, &got.Code, &got.At))
	got.At = got.At.UTC()
	same(t, "visitor", token.VisitorID, visitorID)
	same(t, "touch", token.Last, got)
}

func TestTokenKeepsFirstAndLastTouch(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	var visitors []string
	for _, code := range []string{"ann1", "ann2", "bob1"} {
		b.do("GET", "/r/"+code)
		visitors = append(visitors, b.token().VisitorID)
		w.pass(time.Minute)
	}
	same(t, "codes", []string{"ann1", "bob1"}, b.codes())
	if visitors[0] != visitors[1] || visitors[1] != visitors[2] {
		t.Errorf("one visitor has several ids: %v", visitors)
	}
	same(t, "codes of another browser", []string{}, w.browser().codes())
	w.pass(30 * 24 * time.Hour) // the window
	b.do("GET", "/r/ann2")
	same(t, "codes when the window has passed", []string{"ann2"}, b.codes())
}

func TestEachBrowserIsAVisitorOfItsOwn(t *testing.T) {
	w := newWorld(t)
	one, other := w.browser(), w.browser()
	one.do("GET", "/r/ann1")
	other.do("GET", "/r/ann1")
	if one.token().VisitorID == other.token().VisitorID {
		t.Error("two visitors have one id")
	}
}

func TestReferrersOwnClickIsNoTouch(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.cookies[cookieName] = w.keys.Seal(visitor.Token{VisitorID: "visitor-of-ann"}, w.now(), time.Hour)
	response := b.do("GET", "/r/ann1")
	b.leads(response, 302, home)
	same(t, "Set-Cookie", "", response.Header.Get("Set-Cookie"))
	b.do("GET", "/r/bob1") // another referrer's link is
	same(t, "codes", []string{"bob1"}, b.codes())
	same(t, "touches", []string{"bob1 https://go.shop.example/r/bob1 -"}, w.written())
	same(t, "arrivals", map[edge.Arrival]int{edge.Own: 1, edge.Touched: 1}, w.arrived)
}

func TestUnknownLinkLeadsToTheFallback(t *testing.T) {
	missing := []string{"unknown", "expired", "disabled", "a%00b", "a%0d%0aSet-Cookie:x", "%ff", strings.Repeat("x", 300), "nowhere"}
	for name, test := range map[string]struct {
		fallback string
		status   int
	}{
		"if there is one":    {"https://shop.example/", 302},
		"else to no address": {"", 404},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *edge.Options) { o.FallbackURL = test.fallback })
			for _, code := range missing {
				b := w.browser()
				response := b.do("GET", "/r/"+code+"?to=https://evil.example")
				b.leads(response, test.status, test.fallback)
				same(t, "Cache-Control", "no-store", response.Header.Get("Cache-Control"))
				if code != "nowhere" { // there is such a link, and its campaign may be declared later
					same(t, "Set-Cookie", "", response.Header.Get("Set-Cookie"))
				}
			}
		})
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	b := newWorld(t).browser()
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		response := b.do(method, "/r/ann1")
		b.leads(response, 405, "")
		same(t, "Allow", "GET, HEAD", response.Header.Get("Allow"))
		same(t, "codes", []string{}, b.codes())
	}
}

func TestOtherPathsArePassedOn(t *testing.T) {
	w := newWorld(t, func(o *edge.Options) {
		o.Next = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) })
	})
	b := w.browser()
	for _, target := range []string{"/", "/r", "/r/", "/r//", "/r/ann1/x", "/referral", "/referral/", "/captured", "/v1/links", "/R/ann1"} {
		if response := b.do("GET", target); response.StatusCode != http.StatusTeapot {
			t.Errorf("%s: %d", target, response.StatusCode)
		}
	}
}

func TestParameterToStaysOnTheLinksHost(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for to, want := range map[string]string{
		"/item/7":                          "https://shop.example/item/7",
		"/item%3Fa=1%26b=2%23top":          "https://shop.example/item?a=1&b=2#top",
		"https://shop.example/item":        "https://shop.example/item",
		"//evil.example":                   home,
		"/%5Cevil.example":                 home,
		"/%09/evil.example":                home,
		"/%0d%0aSet-Cookie:a=b":            home,
		"https://shop.example@evil.test":   home,
		"https://evil.example":             home,
		"javascript:alert(1)":              home,
		"https://go.shop.example/":         home,
		"&to=/item":                        "https://shop.example/item",
		"//evil.example&to=/item":          home,
		"https://xn--shop-abc.example":     home,
		"https%3A%2F%2Fevil.example%2F%3F": home,
		"%":                                home,
	} {
		response := b.do("GET", "/r/ann1?to="+to,
			"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "javascript", "Forwarded", "host=evil.example")
		if got := response.Header.Get("Location"); got != want {
			t.Errorf("%s leads to %q, want %q", to, got, want)
		}
	}
}

func TestHostHeaderChangesNothing(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	response := b.do("GET", "http://evil.example/r/ann2?to=/item", "X-Forwarded-Host", "evil.example")
	b.leads(response, 302, "https://shop.example/item")
	if cookie := response.Header.Get("Set-Cookie"); strings.Contains(cookie, "evil") || strings.Contains(cookie, "Domain") {
		t.Errorf("cookie: %s", cookie)
	}
	same(t, "touches", []string{"ann2 https://go.shop.example/r/ann2 -"}, w.written())
}

func TestParametersOfALinkGoOnToItsDestination(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.leads(b.do("GET", "/r/ann1?utm_source=mail&ref=bob1&to=/item&gclid=1"), 302, "https://shop.example/item?utm_source=mail&gclid=1")
	b.leads(b.do("GET", "/r/ann2?utm_source=mail"), 302, spring+"?utm_source=mail")
}

// The API's list of links has such an address for each link, also of one that SQL created.
func TestLinkOfSQLIsFollowedByItsAddress(t *testing.T) {
	w := newWorld(t)
	codes := []string{"summer sale", "a/b", "/", "c++", "50%", "a?b", "a#b", "x\u00a0y", "x\u2003y", "a;b", "%2f"}
	for _, code := range codes {
		_, err := w.owner.Exec(t.Context(), "INSERT INTO referral.link (code, campaign, referrer_id) VALUES ($1, 'spring', 'ann')", code)
		testworld.Must(t, err)
	}
	for _, code := range codes {
		b := w.browser()
		b.leads(b.do("GET", "/r/"+url.PathEscape(code)), 302, spring)
		same(t, "codes", []string{code}, b.codes())
		b = w.browser()
		b.remote = gateway
		response := b.do("GET", "/capture", "X-Original-URL", "https://shop.example/?r="+url.QueryEscape(code))
		same(t, "X-Referral-Code", code, response.Header.Get("X-Referral-Code"))
	}
	same(t, "touches", 2*len(codes), len(w.written()))
}

func TestPathWithASlashInTheCodeIsNoLink(t *testing.T) {
	w := newWorld(t, func(o *edge.Options) {
		o.Next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	})
	for path, want := range map[string]int{
		"/r/a/b": http.StatusTeapot, "/r/ann1//": http.StatusTeapot, "/r/": http.StatusTeapot, "/r": http.StatusTeapot,
		"/r/../ann1": http.StatusTeapot, "/v1%2F..%2Fr/ann1": http.StatusTeapot, "/r%2Fann1": http.StatusTeapot,
		"/r/..%2Fann1": http.StatusNotFound, "/%72/ann1": http.StatusFound, "/r/%61nn1": http.StatusFound,
	} {
		b := w.browser()
		if got := b.do("GET", path); got.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, got.StatusCode, want)
		}
	}
}
