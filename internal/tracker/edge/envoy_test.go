package edge_test

import (
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// envoyRoute is what docs/gateways/envoy.yaml uses of a route.
type envoyRoute struct {
	Match struct {
		Prefix    string        `json:"prefix"`
		SafeRegex envoyPattern  `json:"safe_regex"`
		Headers   []envoyHeader `json:"headers"`
	} `json:"match"`
	Route          struct{ Cluster string }
	DirectResponse struct{ Status int }                           `json:"direct_response"`
	Added          []struct{ Header struct{ Key, Value string } } `json:"response_headers_to_add"`
	Filters        map[string]struct{ Disabled bool }             `json:"typed_per_filter_config"`
}

// asks reports whether Envoy asks the tracker before it takes the route.
func (r *envoyRoute) asks() bool { return !r.Filters["envoy.filters.http.ext_authz"].Disabled }

type envoyPattern struct{ Regex string }

type envoyHeader struct {
	Name        string
	StringMatch struct {
		SafeRegex envoyPattern `json:"safe_regex"`
	} `json:"string_match"`
}

// matches reports whether all of a text matches: Envoy, like Go, uses the syntax of RE2.
func (p envoyPattern) matches(text string) bool {
	return regexp.MustCompile(`^(?:` + p.Regex + `)$`).MatchString(text)
}

// serves reports whether Envoy takes the route for a request.
func (r *envoyRoute) serves(target string, header http.Header) bool {
	path, _, _ := strings.Cut(target, "?")
	if r.Match.Prefix == "" && !r.Match.SafeRegex.matches(path) || !strings.HasPrefix(path, r.Match.Prefix) {
		return false
	}
	for _, wanted := range r.Match.Headers {
		text := strings.Join(header.Values(wanted.Name), ",")
		if wanted.Name == ":path" {
			text = target
		}
		if !wanted.StringMatch.SafeRegex.matches(text) {
			return false
		}
	}
	return true
}

// envoyRoutes returns the routes of the documented configuration.
func envoyRoutes(t *testing.T) []envoyRoute {
	t.Helper()
	text, err := os.ReadFile("../../../docs/gateways/envoy.yaml")
	testworld.Must(t, err)
	type manager struct {
		Config struct {
			Routes struct {
				Hosts []struct{ Routes []envoyRoute } `json:"virtual_hosts"`
			} `json:"route_config"`
		} `json:"typed_config"`
	}
	var bootstrap struct {
		Resources struct {
			Listeners []struct {
				Chains []struct{ Filters []manager } `json:"filter_chains"`
			}
		} `json:"static_resources"`
	}
	testworld.Must(t, yaml.Unmarshal(text, &bootstrap))
	return bootstrap.Resources.Listeners[0].Chains[0].Filters[0].Config.Routes.Hosts[0].Routes
}

// With failure_mode_allow Envoy takes the tracker's 503 for an outage, so it answers prefetches
// itself.
func TestEnvoyAnswersPrefetchesOfPagesWithACode(t *testing.T) {
	routes := envoyRoutes(t)
	answer := func(target string, headers []string) (cluster string, status int, cacheControl string) {
		header := http.Header{}
		for i := 0; i < len(headers); i += 2 {
			header.Add(headers[i], headers[i+1])
		}
		for _, route := range routes {
			if !route.serves(target, header) {
				continue
			}
			for _, added := range route.Added {
				if added.Header.Key == "cache-control" {
					cacheControl = added.Header.Value
				}
			}
			return route.Route.Cluster, route.DirectResponse.Status, cacheControl
		}
		return "", http.StatusNotFound, ""
	}
	for name, headers := range purposes {
		for target, want := range map[string]string{
			"/?r=ann1": "", "/things/7?utm_source=x&ref=ann1": "", "/?a=1;r=ann1": "", "/?a=1&amp;r=ann1": "",
			"/": "shop", "/things/7?page=2": "shop", "/?user=ann1": "shop", "/?r=": "shop", "/r=ann1": "shop", "/style.css?r=ann1": "shop",
			"/r/ann1": "referral_tracker", "/r/next.js": "referral_tracker",
		} {
			cluster, status, cacheControl := answer(target, headers)
			same(t, name+": "+target, want, cluster)
			if want == "" {
				same(t, name+": "+target, 503, status)
				same(t, "cache-control", "no-store", cacheControl)
			}
			cluster, _, _ = answer(target, []string{"Sec-Fetch-Dest", "document"})
			if want == "" && cluster != "shop" {
				t.Errorf("%s: the visit goes to %q", target, cluster)
			}
		}
	}
}

// net/http answers such a request with 400 before the tracker sees it, and Envoy would refuse the
// page.
func TestEnvoyAsksAboutNoPathThatTheTrackerCannotRead(t *testing.T) {
	routes := envoyRoutes(t)
	for target, asks := range map[string]bool{
		"/": true, "/things/7?r=ann1": true, "/a%20b": true, "/%e2%80%A6/%25": true, "/sale?off=50%": true, "/?r=ann1&off=50%-": true,
		"/sale-50%-off": false, "/sale-50%-off?r=ann1": false, "/100%": false, "/100%?r=ann1": false, "/%zz": false, "/%5": false,
		"/%4g": false, "/%20%/%20": false, "/%%20": false, "/%2": false, "/%20%2": false,
	} {
		_, err := url.ParseRequestURI("/capture" + target)
		if readable := err == nil; readable != asks {
			t.Fatalf("%s: net/http reads it: %v", target, readable)
		}
		for _, route := range routes {
			if route.serves(target, http.Header{}) {
				same(t, target, "shop", route.Route.Cluster)
				same(t, target, asks, route.asks())
				break
			}
		}
	}
}
