package links_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

const (
	own      = "https://shop.example/welcome"
	campaign = "https://www.shop.example:8443/spring?utm=1"
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
		"/":                                   "https://shop.example/",
		"/item/7":                             "https://shop.example/item/7",
		"/item?a=1&b=%2F#top":                 "https://shop.example/item?a=1&b=%2F#top",
		"/a%2Fb":                              "https://shop.example/a%2Fb",
		"/a/../b":                             "https://shop.example/a/../b",
		"/q?next=https://evil.example":        "https://shop.example/q?next=https://evil.example",
		"/@evil.example":                      "https://shop.example/@evil.example",
		"/.//evil.example":                    "https://shop.example/.//evil.example",
		"/q?a=b c":                            "https://shop.example/q?a=b%20c",
		"/grün?ß=1":                           "https://shop.example/gr%C3%BCn?%C3%9F=1",
		"/?":                                  "https://shop.example/?",
		"https://shop.example/item":           "https://shop.example/item",
		"HTTPS://SHOP.example/item":           "https://SHOP.example/item",
		"https://shop.example:443/item":       "https://shop.example:443/item",
		"https://shop.example":                "https://shop.example",
		"https://www.shop.example:8443/x?y#z": "https://www.shop.example:8443/x?y#z",
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
	"https:\\\\evil.example", "https:/\\evil.example", "https://evil.example\\@shop.example", "https://evil.example#@shop.example",
	"https://evil.example?@shop.example", "https://shop.example@evil.example", "https://shop.example:443@evil.example",
	"https://user:pass@shop.example/", "https://@shop.example/", "https://shop.example%40evil.example", "https://shop.example%2eevil.example",
	"https://shop.example.evil.example", "https://evilshop.example", "https://shop.example.", "https://shop.example:80/",
	"https://shop.example:8443/", "http://shop.example/", "https://www.shop.example/", "https://sub.shop.example/",
	"https://xn--shp-tna.example/", "https://sh\u043ep.example/", "https://shop\u3002example/", "https://shop.example\u2044evil/",
	"https://[::1]/", "https://127.0.0.1/", "https://[shop.example]/", "https://shop.example:x/", "https://shop.example:99999999/",
	"javascript:alert(1)", "JavaScript://shop.example/%0aalert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd",
	"ftp://shop.example/", "mailto:a@shop.example", "blob:https://shop.example/x", "view-source:https://shop.example",
	"evil.example", "evil.example/path", "item/7", "../item", "./item", "?next=1", "#top", ":", "://", "//", "/%zz", "%2F%2Fevil.example",
	"/\u0000", "\ufeff//evil.example", strings.Repeat("/a", 4096),
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
		own: true, campaign: true, "http://localhost:8000": true, "https://shop.example/ä b": true,
		"": false, "/welcome": false, "shop.example": false, "//shop.example": false, "javascript:alert(1)": false,
		"https://": false, "https://user@shop.example/": false, "https://shop.example/\n": false, `https://shop.example\`: false,
		"ftp://shop.example/": false, "https://:443/x": false, "https://shop.example/" + strings.Repeat("x", 2048): false,
		// The database and the API count characters.
		"https://shop.example/" + strings.Repeat("ы", 2048-len("https://shop.example/")): true,
		"https://shop.example/" + strings.Repeat("ы", 2049-len("https://shop.example/")): false,
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
	f.Add("https://shop.example/item")
	link := &links.Link{Destination: own, CampaignDestination: campaign}
	f.Fuzz(func(t *testing.T, to string) {
		got := links.Destination(link, to)
		u, err := url.Parse(got)
		if err != nil {
			t.Fatalf("%q leads to %q: %v", to, got, err)
		}
		if host := strings.ToLower(u.Host); u.Scheme != "https" || u.User != nil ||
			host != "shop.example" && host != "shop.example:443" && host != "www.shop.example:8443" && host != "shop.example:" {
			t.Errorf("%q leads to %q", to, got)
		}
		// What a browser would see, whatever it does to backslashes and blanks.
		for i := range len(got) {
			if c := got[i]; c <= ' ' || c >= 0x7f {
				t.Fatalf("%q leads to %q", to, got)
			}
		}
	})
}

func TestParametersOfALinkGoOnToItsDestination(t *testing.T) {
	skip := func(name string) bool { return name == "to" || name == "ref" }
	for _, test := range [][3]string{
		{"https://shop.example/", "", "https://shop.example/"},
		{"", "utm_source=x", ""},
		{"https://shop.example/", "utm_source=x&to=/a&utm_medium=y", "https://shop.example/?utm_source=x&utm_medium=y"},
		{"https://shop.example/?utm_source=own", "utm_source=x&gclid=1", "https://shop.example/?utm_source=own&gclid=1"},
		{"https://shop.example/?", "a=1", "https://shop.example/?a=1"},
		{"https://shop.example/#top", "a=1", "https://shop.example/?a=1#top"},
		{"https://shop.example/?b=2#top?x", "a=1", "https://shop.example/?b=2&a=1#top?x"},
		{"https://shop.example/", "%74o=/evil&r%65f=x", "https://shop.example/"},
		{"https://shop.example/", "&&=x&a", "https://shop.example/?a"},
		{"https://shop.example/", "a=%zz&%zz=1", "https://shop.example/?a=%zz"},
		{"https://shop.example/", "a=\"<\u00e4\r\nSet-Cookie:", "https://shop.example/?a=%22%3C%C3%A4%0D%0ASet-Cookie:"},
		{"https://shop.example/", "a=" + strings.Repeat("x", 4000), "https://shop.example/"},
		{"https://shop.example", "a=1", "https://shop.example?a=1"},
		{"https://shop.example/#top", "a=#b&#=%&c=1", "https://shop.example/?a=%23b&%23=%&c=1#top"},
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
		got := links.WithQuery("https://shop.example/a?own=1#top", query, func(name string) bool { return name == "to" })
		u, err := url.Parse(got)
		if err != nil || u.Scheme != "https" || u.Host != "shop.example" || u.Path != "/a" || u.Fragment != "top" {
			t.Errorf("%q leads to %q: %v", query, got, err)
		}
		if u != nil && u.Query().Get("own") != "1" || strings.ContainsAny(got, "\r\n \"<>") {
			t.Errorf("%q leads to %q", query, got)
		}
	})
}
