package links_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

const (
	own      = "https://kiosk.example/welcome"
	campaign = "https://www.kiosk.example:8443/spring?utm=1"
)

func TestALinkLeadsToItsDestinationElseToItsCampaigns(t *testing.T) {
	for name, test := range map[string]struct{ link, campaign, want string }{
		"its own":        {own, campaign, own},
		"the campaign's": {"", campaign, campaign},
		"nowhere":        {"", "", ""},
	} {
		link := &links.Link{Destination: test.link, CampaignDestination: test.campaign}
		if got := links.Destination(link, ""); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestParameterToIsFollowedOnTheLinksHosts(t *testing.T) {
	link := &links.Link{Destination: own, CampaignDestination: campaign}
	for to, want := range map[string]string{
		"/":                                    "https://kiosk.example/",
		"/item/7":                              "https://kiosk.example/item/7",
		"/item?a=1&b=%2F#top":                  "https://kiosk.example/item?a=1&b=%2F#top",
		"/a%2Fb":                               "https://kiosk.example/a%2Fb",
		"/a/../b":                              "https://kiosk.example/a/../b",
		"/q?next=https://evil.example":         "https://kiosk.example/q?next=https://evil.example",
		"/@evil.example":                       "https://kiosk.example/@evil.example",
		"/.//evil.example":                     "https://kiosk.example/.//evil.example",
		"/q?a=b c":                             "https://kiosk.example/q?a=b%20c",
		"/grün?ß=1":                            "https://kiosk.example/gr%C3%BCn?%C3%9F=1",
		"/?":                                   "https://kiosk.example/?",
		"https://kiosk.example/item":           "https://kiosk.example/item",
		"HTTPS://KIOSK.example/item":           "https://kiosk.example/item",
		"https://kiosk.example:443/item":       "https://kiosk.example/item",
		"https://kiosk.example":                "https://kiosk.example",
		"https://www.kiosk.example:8443/x?y#z": "https://www.kiosk.example:8443/x?y#z",
	} {
		if got := links.Destination(link, to); got != want {
			t.Errorf("%q leads to %q, want %q", to, got, want)
		}
	}
}

// hostile are ways to ask for another host.
var hostile = []string{
	"//evil.example", "///evil.example", "////evil.example/", `/\evil.example`, `\\evil.example`, `\/evil.example`,
	"/\t/evil.example", "\t//evil.example", "/\n/evil.example", "/\r\n/evil.example", " //evil.example", "//evil.example ",
	"\x00//evil.example", "/\x00/evil.example", "/\x7f/evil.example", "\u00a0//evil.example", "\u2003https://evil.example",
	"https://evil.example", "http://evil.example/", "https:evil.example", "https:/evil.example", "https:///evil.example",
	"https:\\\\evil.example", "https:/\\evil.example", "https://evil.example\\@kiosk.example", "https://evil.example#@kiosk.example",
	"https://evil.example?@kiosk.example", "https://kiosk.example@evil.example", "https://kiosk.example:443@evil.example",
	"https://user:pass@kiosk.example/", "https://@kiosk.example/", "https://kiosk.example%40evil.example", "https://kiosk.example%2eevil.example",
	"https://kiosk.example.evil.example", "https://evilkiosk.example", "https://kiosk.example.", "https://kiosk.example:80/",
	"https://kiosk.example:8443/", "http://kiosk.example/", "https://www.kiosk.example/", "https://sub.kiosk.example/",
	"https://xn--kisk-6wa.example/", "https://ki\u043esk.example/", "https://kiosk\u3002example/", "https://kiosk.example\u2044evil/",
	"https://[::1]/", "https://127.0.0.1/", "https://[kiosk.example]/", "https://kiosk.example:x/", "https://kiosk.example:99999999/",
	"javascript:alert(1)", "JavaScript://kiosk.example/%0aalert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd",
	"ftp://kiosk.example/", "mailto:a@kiosk.example", "blob:https://kiosk.example/x", "view-source:https://kiosk.example",
	"evil.example", "evil.example/path", "item/7", "../item", "./item", "?next=1", "#top", ":", "://", "//", "/%zz", "%2F%2Fevil.example",
	"/\u0000", "\ufeff//evil.example", strings.Repeat("/a", 4096),
	// Letters whose lower case is i and k in Go. Browsers read the first as i and a dot above it.
	"https://k\u0130osk.example/login", "https://k%C4%B0osk.example/login", "https://www.k\u0130osk.example:8443/",
	"https://\u212aiosk.example/", "https://%E2%84%AAiosk.example/",
}

func TestParameterToNeverLeadsToAnotherHost(t *testing.T) {
	for _, stored := range []struct{ link, campaign string }{{own, campaign}, {"", own}, {own, ""}} {
		link := &links.Link{Destination: stored.link, CampaignDestination: stored.campaign}
		for _, to := range hostile {
			if got := links.Destination(link, to); got != own {
				t.Errorf("%q leads to %q, want %q", to, got, own)
			}
		}
	}
	for _, to := range append(hostile, "/item") {
		if got := links.Destination(new(links.Link), to); got != "" {
			t.Errorf("without a destination, %q leads to %q", to, got)
		}
	}
}

func TestDestinationIsAWebURL(t *testing.T) {
	for text, good := range map[string]bool{
		own: true, campaign: true, "http://localhost:8000": true, "https://kiosk.example/ä b": true,
		"": false, "/welcome": false, "kiosk.example": false, "//kiosk.example": false, "javascript:alert(1)": false,
		"https://": false, "https://user@kiosk.example/": false, "https://kiosk.example/\n": false, `https://kiosk.example\`: false,
		"ftp://kiosk.example/": false, "https://:443/x": false, "https://kiosk.example/" + strings.Repeat("x", 2048): false,
		// The database and the API count characters.
		"https://kiosk.example/" + strings.Repeat("ы", 2048-len("https://kiosk.example/")): true,
		"https://kiosk.example/" + strings.Repeat("ы", 2049-len("https://kiosk.example/")): false,
	} {
		if err := links.CheckDestination(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzDestination(f *testing.F) {
	for _, seed := range hostile {
		f.Add(seed)
	}
	f.Add("/item?a=1#top")
	f.Add("https://kiosk.example/item")
	link := &links.Link{Destination: own, CampaignDestination: campaign}
	f.Fuzz(func(t *testing.T, to string) {
		got := links.Destination(link, to)
		// What a browser would see, whatever it does to backslashes and blanks.
		for i := range len(got) {
			if c := got[i]; c <= ' ' || c >= 0x7f || c == '\\' {
				t.Fatalf("%q leads to %q", to, got)
			}
		}
		// The host as it is written, with its escapes.
		rest, ok := strings.CutPrefix(got, "https://")
		host := rest
		if end := strings.IndexAny(rest, "/?#"); end >= 0 {
			host = rest[:end]
		}
		ok = ok && (host == "kiosk.example" || host == "www.kiosk.example:8443")
		if _, err := url.Parse(got); !ok || err != nil {
			t.Errorf("%q leads to %q: %v", to, got, err)
		}
	})
}

func TestParametersOfALinkGoOnToItsDestination(t *testing.T) {
	skip := func(name string) bool { return name == "to" || name == "ref" }
	for _, test := range [][3]string{
		{"https://kiosk.example/", "", "https://kiosk.example/"},
		{"", "utm_source=x", ""},
		{"https://kiosk.example/", "utm_source=x&to=/a&utm_medium=y", "https://kiosk.example/?utm_source=x&utm_medium=y"},
		{"https://kiosk.example/?utm_source=own", "utm_source=x&gclid=1", "https://kiosk.example/?utm_source=own&gclid=1"},
		{"https://kiosk.example/?", "a=1", "https://kiosk.example/?a=1"},
		{"https://kiosk.example/#top", "a=1", "https://kiosk.example/?a=1#top"},
		{"https://kiosk.example/?b=2#top?x", "a=1", "https://kiosk.example/?b=2&a=1#top?x"},
		{"https://kiosk.example/", "%74o=/evil&r%65f=x", "https://kiosk.example/"},
		{"https://kiosk.example/", "&&=x&a", "https://kiosk.example/?a"},
		{"https://kiosk.example/", "a=%zz&%zz=1", "https://kiosk.example/?a=%zz"},
		{"https://kiosk.example/", "a=\"<\u00e4\r\nSet-Cookie:", "https://kiosk.example/?a=%22%3C%C3%A4%0D%0ASet-Cookie:"},
		{"https://kiosk.example/", "a=" + strings.Repeat("x", 4000), "https://kiosk.example/"},
		{"https://kiosk.example", "a=1", "https://kiosk.example?a=1"},
		{"https://kiosk.example/#top", "a=#b&#=%&c=1", "https://kiosk.example/?a=%23b&%23=%&c=1#top"},
	} {
		if got := links.WithQuery(test[0], test[1], skip); got != test[2] {
			t.Errorf("%s and %s: %s, want %s", test[0], test[1], got, test[2])
		}
	}
}

func FuzzWithQuery(f *testing.F) {
	f.Add("utm_source=x&to=/a#b")
	f.Add("a=1&&%zz=\r\n")
	f.Fuzz(func(t *testing.T, query string) {
		got := links.WithQuery("https://kiosk.example/a?own=1#top", query, func(name string) bool { return name == "to" })
		u, err := url.Parse(got)
		if err != nil || u.Scheme != "https" || u.Host != "kiosk.example" || u.Path != "/a" || u.Fragment != "top" {
			t.Errorf("%q leads to %q: %v", query, got, err)
		}
		if u != nil && u.Query().Get("own") != "1" || strings.ContainsAny(got, "\r\n \"<>") {
			t.Errorf("%q leads to %q", query, got)
		}
	})
}
