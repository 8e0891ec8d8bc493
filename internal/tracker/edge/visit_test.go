package edge_test

import (
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/tracker/edge"
)

var purposes = map[string][]string{
	"Chrome prefetches":        {"Sec-Purpose", "prefetch"},
	"Chrome prerenders":        {"Sec-Purpose", "prefetch;prerender"},
	"Chrome's private proxy":   {"Sec-Purpose", "prefetch;anonymous-client-ip"},
	"older Chrome prefetches":  {"Purpose", "prefetch"},
	"older Firefox prefetches": {"X-Moz", "Prefetch"},
	"Safari previews":          {"X-Purpose", "preview"},
	"Turbo prefetches":         {"X-Sec-Purpose", "prefetch", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode", "cors"},
}

// A visitor clicks A; the browser prefetches B; the visitor signs up: A is paid.
func TestPrefetchLeavesNothingAndTheClickAsksAgain(t *testing.T) {
	for name, headers := range purposes {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.remote = gateway
			b.do("GET", "/r/ann1")
			for _, target := range []string{"/r/bob1", "/r/unknown", "/capture/item?r=bob1"} {
				response := b.do("GET", target, headers...)
				b.leads(response, 503, "")
				same(t, "Cache-Control", "no-store", response.Header.Get("Cache-Control"))
				same(t, "Set-Cookie", "", response.Header.Get("Set-Cookie"))
				same(t, "codes", []string{"ann1"}, b.codes())
				// Turbo shows an answer in HTML when its user clicks, and else opens the page.
				if kind := response.Header.Get("Content-Type"); strings.Contains(kind, "html") {
					t.Errorf("Content-Type: %s", kind)
				}
			}
			// Pages without a code of a link may be prefetched.
			for _, target := range []string{"/capture/item", "/capture/item?ref=producthunt"} {
				b.leads(b.do("GET", target, headers...), 200, "")
			}
			same(t, "arrivals", map[edge.Arrival]int{edge.Touched: 1, edge.Prefetch: 3}, w.arrived)
			b.leads(b.do("GET", "/r/bob1"), 302, home)
			same(t, "codes after the click", []string{"ann1", "bob1"}, b.codes())
		})
	}
}

// A visitor clicks A, and then reads a page of the shop on which B's referrer has put B's link as
// an image, a frame or a script: A is paid. The headers are those that Chromium sends.
func TestLinkThatIsAPartOfAPageIsNoVisit(t *testing.T) {
	for name, headers := range map[string][]string{
		"image":                                 {"Sec-Fetch-Dest", "image", "Sec-Fetch-Mode", "no-cors"},
		"script":                                {"Sec-Fetch-Dest", "script", "Sec-Fetch-Mode", "no-cors"},
		"style":                                 {"Sec-Fetch-Dest", "style", "Sec-Fetch-Mode", "no-cors"},
		"video":                                 {"Sec-Fetch-Dest", "video", "Sec-Fetch-Mode", "no-cors"},
		"frame":                                 {"Sec-Fetch-Dest", "iframe", "Sec-Fetch-Mode", "navigate"},
		"object":                                {"Sec-Fetch-Dest", "object", "Sec-Fetch-Mode", "navigate"},
		"script's fetch":                        {"Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode", "cors"},
		"image that a service worker passes on": {"Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode", "no-cors"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.remote = gateway
			b.do("GET", "/r/ann1", "Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate")
			visitorID := b.token().VisitorID
			for target, status := range map[string]int{"/r/bob1": 302, "/capture/item?r=bob1": 200} {
				response := b.do("GET", target, headers...)
				same(t, target, status, response.StatusCode)
				same(t, "Set-Cookie", "", response.Header.Get("Set-Cookie"))
				if status == 200 {
					same(t, "X-Referral-Visitor", visitorID, response.Header.Get("X-Referral-Visitor"))
					same(t, "X-Referral-Code", "ann1", response.Header.Get("X-Referral-Code"))
				}
			}
			same(t, "codes", []string{"ann1"}, b.codes())
			same(t, "arrivals", map[edge.Arrival]int{edge.Touched: 1, edge.Embedded: 2}, w.arrived)
		})
	}
}

func TestPageThatAVisitorOpensIsAVisit(t *testing.T) {
	for name, headers := range map[string][]string{
		"a browser that does not say what it opens": nil,
		"a click":                             {"Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-User", "?1"},
		"a script that leads to another page": {"Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate"},
		"a click that the shop's service worker passes": {"Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode", "navigate"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.leads(b.do("GET", "/r/ann1", headers...), 302, home)
			b.leads(b.do("GET", "/capture?r=bob1", headers...), 200, "")
			same(t, "codes", []string{"ann1", "bob1"}, b.codes())
		})
	}
}

func TestHeadLeavesNoTouchAndNoCookie(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.remote = gateway
	for target, status := range map[string]int{"/r/ann1": 302, "/r/ann1/": 302, "/referral/ann1": 302, "/capture?r=ann1": 200} {
		response := b.do("HEAD", target)
		same(t, target, status, response.StatusCode)
		same(t, "Set-Cookie", "", response.Header.Get("Set-Cookie"))
	}
	b.do("GET", "/capture", "X-Original-URL", "https://shop.example/?r=ann1", "X-Forwarded-Method", "HEAD")
	same(t, "codes", []string{}, b.codes())
	same(t, "touches", []string{}, w.written())
}

func TestBotsLeaveNoTouchIfTheyAreIgnored(t *testing.T) {
	for userAgent, bot := range map[string]bool{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":  true,
		"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)": true,
		"WhatsApp/2.23.20.0 A":                           true,
		"TelegramBot (like TwitterBot)":                  true,
		"Slackbot-LinkExpanding 1.0":                     true,
		"Mozilla/5.0 (Windows NT 6.1) SkypeUriPreview":   true,
		"Mozilla/5.0 (Linux; Android 9; CUBOT_NOTE_S)":   false,
		"Mozilla/5.0 (iPhone) [FBAN/FBIOS;FBAV/1.0]":     false,
		"Mozilla/5.0 (X11; Linux x86_64; rv:140) Gecko/": false,
		"curl/8.5.0": false,
		"":           false,
	} {
		for _, ignored := range []bool{true, false} {
			w := newWorld(t, func(o *edge.Options) { o.IgnoreBots = ignored })
			b := w.browser()
			b.remote = gateway
			b.leads(b.do("GET", "/r/ann1", "User-Agent", userAgent), 302, home)
			b.leads(b.do("GET", "/capture?r=bob1", "User-Agent", userAgent), 200, "")
			want := map[edge.Arrival]int{edge.Touched: 2}
			if bot && ignored {
				want = map[edge.Arrival]int{edge.Bot: 2}
			}
			same(t, userAgent, want, w.arrived)
		}
	}
}
