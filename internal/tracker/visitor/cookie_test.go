package visitor_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

func TestStrictestWorkingCookieIsUsed(t *testing.T) {
	for name, test := range map[string]struct{ public, domain, header string }{
		"the host's alone":       {"https://go.shop.example", "", "__Host-referral=TOKEN; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"},
		"for all of a domain":    {"https://go.shop.example", "shop.example", "referral=TOKEN; Domain=shop.example; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"},
		"written the old way":    {"https://shop.example", ".Shop.Example", "referral=TOKEN; Domain=shop.example; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"},
		"on one's own machine":   {"http://127.0.0.1:8080", "", "referral=TOKEN; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"},
		"by its name":            {"http://localhost:8080", "", "referral=TOKEN; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"},
		"in a test, by a domain": {"http://go.shop.test", "shop.test", "referral=TOKEN; Domain=shop.test; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"},
		"TLS may end in front":   {"http://go.shop.example", "", "__Host-referral=TOKEN; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"},
		"a name that only looks": {"http://localhost.example", "", "__Host-referral=TOKEN; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"},
		"locally by TLS":         {"https://localhost", "", "__Host-referral=TOKEN; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"},
	} {
		t.Run(name, func(t *testing.T) {
			cookie, err := visitor.NewCookie(parse(t, test.public), test.domain)
			if err != nil {
				t.Fatal(err)
			}
			header := cookie.Header("TOKEN", time.Hour)
			if diff := cmp.Diff(test.header, header); diff != "" {
				t.Errorf("Set-Cookie (-want +got):\n%s", diff)
			}
			read, err := http.ParseSetCookie(header)
			if err != nil || read.Name != cookie.Name || read.Value != "TOKEN" || len(read.Unparsed) > 0 {
				t.Errorf("read as %v, %v", read, err)
			}
		})
	}
}

// Browsers count whole seconds, and the cookie lives no shorter than the window.
func TestCookieLivesForAllOfItsLifetime(t *testing.T) {
	cookie, err := visitor.NewCookie(parse(t, "https://shop.example"), "")
	if err != nil {
		t.Fatal(err)
	}
	for lifetime, want := range map[time.Duration]int{time.Second: 1, 1500 * time.Millisecond: 2, time.Microsecond: 1, window: 30 * 24 * 3600} {
		read, err := http.ParseSetCookie(cookie.Header("TOKEN", lifetime))
		if err != nil || read.MaxAge != want {
			t.Errorf("%s: %v, %v", lifetime, read, err)
		}
	}
}

func TestADomainThatBrowsersWouldRefuseIsRefused(t *testing.T) {
	for domain, says := range map[string]string{
		"other.example": "not under", "hop.example": "not under", "www.shop.example": "not under",
		"example": "must be a domain name", "shop.example; Secure": "must be a domain name", "shop..example": "must be a domain name", "127.0.0.1": "must be a domain name",
	} {
		_, err := visitor.NewCookie(parse(t, "https://shop.example"), domain)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", domain, err)
		}
	}
	for public, domain := range map[string]string{
		"https://shop.co.uk": "co.uk", "https://shop.github.io": "GitHub.io", "https://go.shop.com.au": ".com.au",
	} {
		if _, err := visitor.NewCookie(parse(t, public), domain); err == nil || !strings.Contains(err.Error(), "public suffix") {
			t.Errorf("%s has a cookie for %s: %v", public, domain, err)
		}
	}
	// Browsers read U+0130 as i and a dot above it, and not as i.
	for public, domain := range map[string]string{"https://k\u0130osk.example": "kiosk.example", "https://kiosk.example": "k\u0130osk.example"} {
		if _, err := visitor.NewCookie(parse(t, public), domain); err == nil {
			t.Errorf("%s has a cookie for %s", public, domain)
		}
	}
}

func parse(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
