package edge_test

import (
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/edge"
	"github.com/referral-operator/referral-operator/internal/tracker/links"
	"github.com/referral-operator/referral-operator/internal/tracker/secretfile"
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
		"of other keys":   {other.Seal(visitor.New(), w.now(), time.Hour), visitor.Foreign},
		"outdated":        {w.keys.Seal(visitor.New(), w.now().Add(-2*time.Hour), time.Hour), visitor.Outdated},
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
	earlier := visitor.New().Touched(visitor.NewTouch("bob1", w.now()), time.Hour)
	b.cookies[cookieName] = w.keys.Seal(earlier, w.now(), time.Hour)
	response := b.do("GET", "/capture")
	same(t, "visitor", earlier.VisitorID, response.Header.Get("X-Referral-Visitor"))
	same(t, "code", "bob1", response.Header.Get("X-Referral-Code"))

	b.do("GET", "/r/ann1") // from now on the new cookie counts
	response = b.do("GET", "/capture")
	same(t, "visitor", earlier.VisitorID, response.Header.Get("X-Referral-Visitor"))
	same(t, "code", "ann1", response.Header.Get("X-Referral-Code"))

	// Without a domain, a cookie that another host may have set does not count.
	b = newWorld(t).browser()
	b.cookies["referral"] = w.keys.Seal(earlier, w.now(), time.Hour)
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
	if !strings.HasPrefix(header, "referral="+visitor.Prefix) || !strings.Contains(header, "; Domain=shop.example;") || !strings.Contains(header, "; Secure") {
		t.Errorf("cookie: %s", header)
	}
}

// A replica may start while the database is away.
func TestCookieIsNotShortenedBeforeTheLongestWindowIsRead(t *testing.T) {
	w := newWorld(t)
	options := w.Options
	options.Links = links.NewDirectory(w.owner, links.Options{Now: w.now}) // never refreshed
	var err error
	w.Edge, err = edge.New(options)
	testworld.Must(t, err)
	b := w.browser()
	const window = 90 * 24 * time.Hour
	earlier := w.now().Add(-60 * 24 * time.Hour)
	b.cookies[cookieName] = w.keys.Seal(visitor.New().Touched(visitor.NewTouch("bob1", earlier), window), earlier, window)

	header := b.do("GET", "/r/ann1").Header.Get("Set-Cookie")
	same(t, "codes", []string{"bob1", "ann1"}, b.codes())
	if want := "; Max-Age=34560000;"; !strings.Contains(header, want) { // 400 days
		t.Errorf("%s has no %q", header, want)
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

// The file of keys is mounted into every replica, and each reads it again at a moment of its own.
func TestKeysAreChangedWhileTwoTrackersServe(t *testing.T) {
	var path [2]string
	var file [2]*secretfile.File[*visitor.Keys]
	for i := range file {
		path[i] = filepath.Join(t.TempDir(), "keys")
		testworld.Must(t, os.WriteFile(path[i], []byte(key), 0o600))
		var err error
		file[i], err = secretfile.Open(path[i], visitor.ParseKeys, slog.New(slog.DiscardHandler))
		testworld.Must(t, err)
	}
	w := newWorld(t, func(o *edge.Options) { o.Keys = file[0].Get })
	second, err := edge.New(func() edge.Options { o := w.Options; o.Keys = file[1].Get; return o }())
	testworld.Must(t, err)
	trackers := [2]*edge.Edge{w.Edge, second}
	b := w.browser()
	follow := func(by *edge.Edge, code string) string {
		b.Edge = by
		w.pass(2 * time.Minute) // a repeated click keeps its cookie
		b.leads(b.do("GET", "/r/"+code), http.StatusFound, home)
		b.Edge = w.Edge
		return b.do("GET", "/capture").Header.Get("X-Referral-Visitor")
	}
	visitorID := follow(w.Edge, "ann1")
	other := strings.Repeat("3", 64)
	for step, content := range []string{key + "\n" + other, other + "\n" + key, other} {
		for i := range trackers {
			// The same visitor at both, before and after this one has read the file.
			for _, by := range trackers {
				if got := follow(by, "bob1"); got != visitorID {
					t.Fatalf("step %d: the visitor %s became %s", step, visitorID, got)
				}
			}
			testworld.Must(t, os.WriteFile(path[i], []byte(content), 0o600))
			file[i].Refresh()
		}
	}
	for _, by := range trackers {
		if got := follow(by, "ann1"); got != visitorID {
			t.Errorf("with the new key alone: the visitor %s became %s", visitorID, got)
		}
	}
	same(t, "refused", map[visitor.Reason]int{}, w.refused)
}

func TestCookieOfAnEarlierVersionIsRead(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	text, err := os.ReadFile("testdata/paseto.txt")
	testworld.Must(t, err)
	w.set(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
	b.cookies[cookieName] = strings.TrimSpace(string(text))
	same(t, "visitor", "visitor-of-march", b.do("GET", "/capture").Header.Get("X-Referral-Visitor"))
	b.do("GET", "/r/bob1")
	same(t, "codes", []string{"ann1", "bob1"}, b.codes())
	if !strings.HasPrefix(b.cookies[cookieName], visitor.Prefix) {
		t.Errorf("the cookie is written in the old format: %s", b.cookies[cookieName])
	}
}
