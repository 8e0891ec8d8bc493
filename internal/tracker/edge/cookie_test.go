package edge_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/edge"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

func TestInvalidCookieMakesANewVisitor(t *testing.T) {
	w := newWorld(t)
	before := w.browser()
	before.do("GET", "/r/bob1")
	good := before.cookies[cookieName]
	other, err := visitor.ParseKeys([]byte(strings.Repeat("3", 64)))
	testworld.Must(t, err)
	for name, test := range map[string]struct {
		value string
		want  visitor.Reason
	}{
		"altered":         {good[:50] + strings.Repeat("A", 10) + good[60:], visitor.Foreign},
		"cut short":       {good[:60], visitor.Malformed},
		"of other keys":   {other.Seal(visitor.New(), w.now, time.Hour), visitor.Foreign},
		"outdated":        {w.keys.Seal(visitor.New(), w.now.Add(-2*time.Hour), time.Hour), visitor.Outdated},
		"64 KiB":          {strings.Repeat("A", 64<<10), visitor.Oversized},
		"of another kind": {"s%3Aconnect.sid", visitor.Malformed},
		"a number":        {"1", visitor.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			for _, target := range []string{"/r/ann1", "/capture?r=ann1"} {
				clear(w.refused)
				b := w.browser()
				b.cookies[cookieName] = test.value
				response := b.do("GET", target)
				if response.StatusCode >= 400 {
					t.Errorf("%s: %d", target, response.StatusCode)
				}
				same(t, "codes", []string{"ann1"}, b.codes())
				if b.token().VisitorID == before.token().VisitorID {
					t.Error("believed")
				}
				same(t, "refused", map[visitor.Reason]int{test.want: 1}, maps.Clone(w.refused))
			}
		})
	}
}

func TestValidCookieCountsBesideInvalidOnes(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.do("GET", "/r/bob1")
	good := b.cookies[cookieName]
	delete(b.cookies, cookieName)
	response := b.do("GET", "/capture", "Cookie", cookieName+"=planted; "+cookieName+"="+good)
	same(t, "code", "bob1", response.Header.Get("X-Referral-Code"))
}

func TestValidCookieCountsHoweverManyJunkOnesStandBefore(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.do("GET", "/r/bob1")
	good := b.cookies[cookieName]
	delete(b.cookies, cookieName)
	for name, junk := range map[string]string{
		"text":   strings.Repeat(cookieName+"=planted; ", 10_000),
		"tokens": strings.Repeat(cookieName+"="+good[:len(good)-4]+"AAAA; ", 500),
		"others": strings.Repeat("a=; ", 60_000),
	} {
		clear(w.refused)
		response := b.do("GET", "/capture", "Cookie", junk+cookieName+"="+good)
		same(t, name, "bob1", response.Header.Get("X-Referral-Code"))
		same(t, "refused", map[visitor.Reason]int{}, w.refused)
	}
}

func TestCookieDomainStillReadsTheEarlierName(t *testing.T) {
	w := newWorld(t, func(o *edge.Options) { o.CookieDomain = "shop.example" })
	b := w.browser()
	earlier := visitor.New().Touched(visitor.NewTouch("bob1", w.now), time.Hour)
	b.cookies[cookieName] = w.keys.Seal(earlier, w.now, time.Hour)
	response := b.do("GET", "/capture")
	same(t, "visitor", earlier.VisitorID, response.Header.Get("X-Referral-Visitor"))
	same(t, "code", "bob1", response.Header.Get("X-Referral-Code"))

	b.do("GET", "/r/ann1") // from now on the new cookie counts
	response = b.do("GET", "/capture")
	same(t, "visitor", earlier.VisitorID, response.Header.Get("X-Referral-Visitor"))
	same(t, "code", "ann1", response.Header.Get("X-Referral-Code"))

	// Without a domain, a cookie that another host may have set does not count.
	b = newWorld(t).browser()
	b.cookies["referral"] = w.keys.Seal(earlier, w.now, time.Hour)
	same(t, "visitor", "", b.do("GET", "/capture").Header.Get("X-Referral-Visitor"))
}

func TestChangedKeysStillOpenOlderTokens(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.do("GET", "/r/ann1")
	before := b.token()
	changed, err := visitor.ParseKeys([]byte(strings.Repeat("3", 64) + "\n" + key))
	testworld.Must(t, err)
	w.keys = changed
	b.do("GET", "/r/bob1")
	same(t, "visitor", before.VisitorID, b.token().VisitorID)
	same(t, "codes", []string{"ann1", "bob1"}, b.codes())
}

func TestCookieDomainIsSet(t *testing.T) {
	w := newWorld(t, func(o *edge.Options) { o.CookieDomain = "shop.example" })
	header := w.browser().do("GET", "/r/ann1").Header.Get("Set-Cookie")
	if !strings.HasPrefix(header, "referral=v4.local.") || !strings.Contains(header, "; Domain=shop.example;") || !strings.Contains(header, "; Secure") {
		t.Errorf("cookie: %s", header)
	}
}

// FuzzCookie sends any Cookie header.
func FuzzCookie(f *testing.F) {
	w := newWorld(f)
	b := w.browser()
	b.do("GET", "/r/ann1")
	for _, seed := range []string{
		"", cookieName + "=" + b.cookies[cookieName], cookieName + "=x; " + cookieName + "=y", ";;;===", cookieName, "\x00=\xff", `a="b`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/r/ann1", nil)
		r.Header["Cookie"] = []string{header}
		recorder := httptest.NewRecorder()
		w.ServeHTTP(recorder, r)
		if recorder.Code != http.StatusFound || recorder.Header().Get("Location") != home {
			t.Errorf("%q: %d to %q", header, recorder.Code, recorder.Header().Get("Location"))
		}
	})
}
