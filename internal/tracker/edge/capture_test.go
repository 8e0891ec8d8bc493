package edge_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/edge"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

func TestCaptureNamesVisitorAndCode(t *testing.T) {
	const landing = "https://shop.example/item?r=ann1&utm_source=1"
	for name, test := range map[string]struct {
		target  string
		headers []string
	}{
		"nginx, with the whole URL": {"/capture", []string{"X-Original-URL", landing}},
		"nginx, with credentials":   {"/capture", []string{"X-Original-URL", "https://ann:secret@shop.example/item?r=ann1&utm_source=1#top"}},
		"nginx, with the path":      {"/capture", []string{"X-Original-URI", "/item?r=ann1&utm_source=1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "shop.example"}},
		"Traefik":                   {"/capture", []string{"X-Forwarded-Uri", "/item?r=ann1&utm_source=1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "shop.example", "X-Forwarded-Method", "GET"}},
		"Envoy":                     {"http://shop.example/capture/item?r=ann1&utm_source=1", []string{"X-Forwarded-Proto", "https"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.remote = gateway
			response := b.do("GET", test.target, test.headers...)
			b.leads(response, 200, "")
			same(t, "codes", []string{"ann1"}, b.codes())
			same(t, "X-Referral-Visitor", b.token().VisitorID, response.Header.Get("X-Referral-Visitor"))
			same(t, "X-Referral-Code", "ann1", response.Header.Get("X-Referral-Code"))
			same(t, "touches", []string{"ann1 " + landing + " -"}, w.written())
		})
	}
}

func TestCaptureWithoutACodeNamesTheVisitor(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.remote = gateway
	response := b.do("GET", "/capture", "X-Original-URL", "https://shop.example/")
	b.leads(response, 200, "")
	same(t, "Set-Cookie", "", response.Header.Get("Set-Cookie"))
	// Empty and there, so that a gateway puts them in place of the visitor's own.
	same(t, "X-Referral-Visitor", []string{""}, response.Header.Values("X-Referral-Visitor"))
	same(t, "X-Referral-Code", []string{""}, response.Header.Values("X-Referral-Code"))

	b.do("GET", "/r/ann1")
	response = b.do("GET", "/capture", "X-Original-URL", "https://shop.example/")
	same(t, "Set-Cookie", "", response.Header.Get("Set-Cookie"))
	same(t, "X-Referral-Visitor", b.token().VisitorID, response.Header.Get("X-Referral-Visitor"))
	same(t, "X-Referral-Code", "ann1", response.Header.Get("X-Referral-Code"))
}

// net/http answers 400 to a path with an incomplete escape, so Envoy does not ask about it.
func TestCaptureAnswers200ToEveryRequestThatNetHTTPReads(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		method, target string
		headers        []string
	}{
		{"GET", "/capture", nil}, {"GET", "/capture/", nil}, {"POST", "/capture", nil}, {"DELETE", "/capture/item", nil},
		{"GET", "/capture//a/../b//", nil}, {"GET", "/capture/%2e%2e/%2f", nil},
		{"GET", "/capture", []string{"X-Original-URL", "\x00://\xff@%zz?r=%zz&r=\x00"}},
		{"GET", "/capture", []string{"X-Original-URL", "https://shop.example/sale-50%-off"}},
		{"GET", "/capture", []string{"X-Original-URL", "https://shop.example/?r=unknown"}},
		{"GET", "/capture", []string{"X-Original-URL", "https://shop.example/?r=expired"}},
		{"GET", "/capture", []string{"X-Original-URL", "https://shop.example/?r=" + strings.Repeat("x", 60_000)}},
		{"GET", "/capture", []string{"X-Original-URL", strings.Repeat("?&=#", 15_000)}},
	} {
		b := w.browser()
		b.remote = gateway
		response := b.do(test.method, test.target, test.headers...)
		b.leads(response, 200, "")
		same(t, "codes", []string{}, b.codes())
	}
}

func TestForwardedHeadersAreReadFromTrustedGatewaysOnly(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	response := b.do("GET", "http://evil.example/capture/item?r=bob1",
		"X-Original-URL", "https://shop.example/?r=ann1", "X-Forwarded-Uri", "/?r=ann1", "X-Original-URI", "/?r=ann1",
		"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "http", "X-Forwarded-Method", "POST",
		"X-Referral-Visitor", "forged", "X-Referral-Code", "ann1")
	same(t, "X-Referral-Visitor", b.token().VisitorID, response.Header.Get("X-Referral-Visitor"))
	same(t, "X-Referral-Code", "bob1", response.Header.Get("X-Referral-Code"))
	same(t, "touches", []string{"bob1 https://go.shop.example/item?r=bob1 -"}, w.written())
}

func TestPostIsNoTouch(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.remote = gateway
	b.do("GET", "/capture", "X-Forwarded-Uri", "/?r=ann1", "X-Forwarded-Method", "POST")
	b.do("POST", "/capture/?r=ann1")
	same(t, "codes", []string{}, b.codes())
}

func TestParameterNamesAreASetting(t *testing.T) {
	captured := func(w *world, query string) string {
		b := w.browser()
		b.remote = gateway
		return b.do("GET", "/capture", "X-Original-URL", "https://shop.example/?"+query).Header.Get("X-Referral-Code")
	}
	usual := newWorld(t)
	same(t, "r", "ann1", captured(usual, "r=ann1"))
	same(t, "ref", "ann1", captured(usual, "ref=ANN1"))
	same(t, "the first name counts first", "bob1", captured(usual, "ref=ann1&r=bob1"))
	same(t, "what is no code does not count", "ann1", captured(usual, "r=%00&ref=ann1"))
	same(t, "the first that names a link counts", "ann1", captured(usual, "r=producthunt&ref=ann1"))
	same(t, "also of one name", "ann1", captured(usual, "ref=producthunt&ref=&ref=ann1&ref=bob1"))
	same(t, "values that cannot be codes do not count", "ann1",
		captured(usual, "r=%00&r=a%0Ab&r="+strings.Repeat("x", 256)+"&r=%01&r=%02&r=ann1"))
	same(t, "but of four only", "", captured(usual, "r=1&r=2&r=3&r=4&r=ann1"))
	same(t, "another", "", captured(usual, "via=ann1"))
	own := newWorld(t, func(o *edge.Options) { o.Parameters = []string{"via"} })
	same(t, "another", "ann1", captured(own, "via=ann1"))
	same(t, "r", "", captured(own, "r=ann1"))
}

func TestPunctuationAndEscapesAroundACodeAreForgiven(t *testing.T) {
	w := newWorld(t)
	_, err := w.owner.Exec(t.Context(), "INSERT INTO referral.link (code, campaign, referrer_id, destination) VALUES ('ann1.', 'spring', 'ann', $1)", home)
	testworld.Must(t, err)
	for query, want := range map[string]string{
		"r=ann1)": "ann1", "r=ann1,": "ann1", "r=ann1%21": "ann1", "r=ann1%E2%80%9D": "ann1", "r=ann1%3E": "ann1", "r=ann1%22%3E.": "ann1",
		"r=%20ann1%20,": "ann1", "r=ann1%": "ann1", "r=ann1%.": "ann1",
		"a=1&amp;r=ann1": "ann1", "r=ann1&amp;a=1": "ann1", "a=1&amp;amp;r=ann1": "", "r=.": "", "r=(ann1": "",
		"r=ann1.": "ann1.", // a link of its own
	} {
		b := w.browser()
		b.remote = gateway
		response := b.do("GET", "/capture", "X-Original-URL", "https://shop.example/?"+query)
		same(t, query, want, response.Header.Get("X-Referral-Code"))
	}
	for target, want := range map[string]string{"/r/ann1)": "ann1", "/r/ANN1!/": "ann1", "/r/ann1.": "ann1.", "/r/ann1%E2%80%A6": "ann1"} {
		b := w.browser()
		b.leads(b.do("GET", target), 302, home)
		same(t, target, []string{want}, b.codes())
	}
	b := w.browser()
	b.leads(b.do("GET", "/r/ann1?a=1&amp;to=/sale"), 302, "https://shop.example/sale?a=1")
}

func TestInvisibleCharactersAndEmojiAfterACodeAreForgiven(t *testing.T) {
	w := newWorld(t)
	const joiner, ownLink = "\u200d", "ann1\u200b"
	_, err := w.owner.Exec(t.Context(), `INSERT INTO referral.link (code, campaign, referrer_id, destination)
		VALUES ($1, 'spring', 'ann', $3), ('jose', 'spring', 'ann', $3), ($2, 'spring', 'ann', $3)`, ownLink, "नमस्ते", home)
	testworld.Must(t, err)
	for given, want := range map[string]string{
		"bob1\u200b": "bob1", "bob1\u200e": "bob1", "bob1\ufeff": "bob1", "bob1\u2060": "bob1", "bob1\u2069": "bob1", "bob1\u00ad": "bob1",
		"bob1\u00a0": "bob1", "bob1\u3002": "bob1",
		"bob1\u2764\ufe0f": "bob1", "bob1👍🏽": "bob1", "bob1👨" + joiner + "👩" + joiner + "👧": "bob1", "bob1 \u2764\ufe0f\u200b!": "bob1",
		ownLink:        ownLink,  // a link of its own
		"नमस्ते":       "नमस्ते", // ends in a mark that belongs to it
		"jose\u0301":   "",       // another code
		"\u200bbob1":   "",       // before it
		"bob\u200b1":   "",       // within it
		"\u200b\ufe0f": "",
	} {
		b := w.browser()
		status := 302
		if want == "" {
			status = 404
		}
		same(t, given, status, b.do("GET", "/r/"+url.PathEscape(given)).StatusCode)
		b = w.browser()
		b.remote = gateway
		response := b.do("GET", "/capture", "X-Original-URL", "https://shop.example/?r="+url.QueryEscape(given))
		same(t, given, want, response.Header.Get("X-Referral-Code"))
	}
}

func TestReferrersOwnClickIsNoTouchAtCapture(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.remote = gateway
	b.cookies[cookieName] = w.keys.Seal(visitor.Token{VisitorID: "visitor-of-ann"}, w.now(), 1<<40)
	response := b.do("GET", "/capture", "X-Original-URL", "https://shop.example/?r=ann1")
	same(t, "Set-Cookie", "", response.Header.Get("Set-Cookie"))
	same(t, "X-Referral-Visitor", "visitor-of-ann", response.Header.Get("X-Referral-Visitor"))
	same(t, "X-Referral-Code", "", response.Header.Get("X-Referral-Code"))
}

func FuzzCapture(f *testing.F) {
	w := newWorld(f)
	for _, seed := range []string{"", "https://shop.example/?r=ann1", "/?r=ann1", "\x00", "?r=%zz", "https://a:b@c?ref=bob1#d", "?r=unknown"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, original string) {
		b := w.browser()
		b.TB, b.remote = t, gateway
		if response := b.do("GET", "/capture", "X-Original-URL", original); response.StatusCode != http.StatusOK {
			t.Errorf("%q: %d", original, response.StatusCode)
		}
	})
}

func TestPageThatAVisitorNamesNeverWinsOverTheGatewaysOwn(t *testing.T) {
	for name, test := range map[string]struct {
		target  string
		headers []string
	}{
		"Traefik passes X-Original-URL on":         {"/capture", []string{"X-Forwarded-Uri", "/item", "X-Original-URL", "https://shop.example/?r=ann1"}},
		"Traefik passes X-Original-URI on":         {"/capture", []string{"X-Forwarded-Uri", "/item", "X-Original-URI", "/item?r=ann1"}},
		"nginx passes X-Forwarded-Uri on":          {"/capture", []string{"X-Original-URL", "https://shop.example/item", "X-Forwarded-Uri", "/?r=ann1"}},
		"a gateway adds a line to X-Original-URL":  {"/capture", []string{"X-Original-URL", "https://shop.example/?r=ann1", "X-Original-URL", "https://shop.example/"}},
		"a gateway adds a line to X-Forwarded-Uri": {"/capture", []string{"X-Forwarded-Uri", "/?r=ann1", "X-Forwarded-Uri", "/?r=bob1"}},
		"a gateway adds a line to X-Original-URI":  {"/capture", []string{"X-Original-URI", "/", "X-Original-URI", "/?r=ann1"}},
		"a gateway with the path passes any":       {"/capture/item", []string{"X-Original-URL", "/?r=ann1", "X-Forwarded-Uri", "/?r=ann1"}},
		"the same at the home page":                {"/capture/", []string{"X-Original-URL", "/?r=ann1"}},
		"the same with a query":                    {"/capture/?utm_source=x", []string{"X-Original-URI", "/?r=ann1"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.remote = gateway
			b.leads(b.do("GET", test.target, test.headers...), 200, "")
			same(t, "codes", []string{}, b.codes())
		})
	}
	w := newWorld(t)
	for name, headers := range map[string][]string{
		"both name":       {"X-Original-URI", "/item?r=ann1", "X-Forwarded-Uri", "/item?r=ann1"},
		"two lines name":  {"X-Original-URL", "/item?r=ann1", "X-Original-URL", "/item?r=ann1"},
		"one line of two": {"X-Original-URL", "", "X-Original-URL", "/item?r=ann1"},
	} {
		b := w.browser()
		b.remote = gateway
		b.do("GET", "/capture", headers...)
		same(t, name, []string{"ann1"}, b.codes())
	}
}

// The visitor's line of a header may stand before the gateway's own.
func TestHeaderWithLinesThatDifferIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.remote = gateway
	b.do("GET", "/capture", "X-Original-URL", "/item?r=ann1", "X-Forwarded-Method", "POST", "X-Forwarded-Method", "GET",
		"X-Forwarded-Host", "evil.example", "X-Forwarded-Host", "shop.example", "X-Forwarded-Proto", "http", "X-Forwarded-Proto", "https")
	same(t, "touches", []string{"ann1 https://example.com/item?r=ann1 -"}, w.written())
}
