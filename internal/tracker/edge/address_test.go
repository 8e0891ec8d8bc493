package edge_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/tracker/edge"
)

func TestAddressIsStrippedOfCredentialsAndFragment(t *testing.T) {
	for text, want := range map[string]string{
		"https://shop.example/item?a=1#top":     "https://shop.example/item?a=1",
		"https://ann:secret@shop.example/item":  "https://shop.example/item",
		"https://ann:s@cret@Shop.Example:8443":  "https://Shop.Example:8443/",
		"HTTPS://shop.example?r=ann1":           "https://shop.example/?r=ann1",
		"/item?next=https://user@evil.example/": "/item?next=https://user@evil.example/",
		"/item/https://user@evil.example/":      "/item/https://user@evil.example/",
		"//evil.example/x":                      "//evil.example/x",
		"item":                                  "/item",
		"":                                      "/",
		"?r=ann1":                               "/?r=ann1",
		"#top":                                  "/",
		"/%zz?%zz":                              "/%zz?%zz",
		"://":                                   "/://",
		"https://user:secret@shop.example#@x?y/z": "https://shop.example/",
	} {
		if got := edge.TidyAddress(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"https://ann:secret@shop.example/item?a=1#top", "/item?r=ann1", "//x", "://", "a://b@c@d/e@f?g#h", "\x00", "https://%zz@",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tidy := edge.TidyAddress(text)
		if strings.Contains(tidy, "#") || len(tidy) > len(text)+1 {
			t.Fatalf("%q becomes %q", text, tidy)
		}
		if again := edge.TidyAddress(tidy); again != tidy {
			t.Errorf("%q becomes %q, and that %q", text, tidy, again)
		}
		if u, err := url.Parse(tidy); err == nil && u.User != nil && u.Scheme != "" {
			t.Errorf("%q becomes %q with %v", text, tidy, u.User)
		}
	})
}

func TestFirstNonEmptyParameterCounts(t *testing.T) {
	for query, want := range map[string]string{
		"r=ann1": "ann1", "a=b&r=ann1&c": "ann1", "r=&r=ann1": "ann1", "r=ann1&r=bob1": "ann1", "r=a%20b+c": "a b c",
		"%72=ann1": "ann1", "r=%zz&r=ann1": "%zz", "r=ann1%": "ann1%", "": "", "r": "", "rr=ann1": "", "R=ann1": "", "a=r=ann1": "", "&&=&r=ann1&": "ann1",
		"r=a=b": "a=b", "r;x=1": "", "r=a;b": "a;b",
	} {
		if got := edge.Parameter(query, "r"); got != want {
			t.Errorf("%q has %q, want %q", query, got, want)
		}
	}
}

func FuzzParameter(f *testing.F) {
	for _, seed := range []string{"r=ann1", "%72=%61", "&&r=&r=x", "r=%", "=", strings.Repeat("r&", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got := edge.Parameter(query, "r")
		if values, err := url.ParseQuery(query); err == nil {
			want := ""
			for _, value := range values["r"] {
				if want == "" {
					want = value
				}
			}
			if got != want {
				t.Errorf("%q has %q, want %q", query, got, want)
			}
		}
	})
}
