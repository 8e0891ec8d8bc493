package edge_test

import (
	"cmp"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// traefikRouter is what docs/gateways/traefik.yaml uses of a router.
type traefikRouter struct {
	Rule     string
	Priority int
	Service  string
}

var (
	pathPrefix = regexp.MustCompile("PathPrefix\\(`([^`]*)`\\)")
	pathRegexp = regexp.MustCompile("PathRegexp\\(`([^`]*)`\\)")
)

// serves reports whether the rule matches a path. It may have any number of prefixes, of which one
// matches, or a regular expression.
func (r *traefikRouter) serves(path string) bool {
	prefixes := pathPrefix.FindAllStringSubmatch(r.Rule, -1)
	if len(prefixes) > 0 {
		return slices.ContainsFunc(prefixes, func(prefix []string) bool { return strings.HasPrefix(path, prefix[1]) })
	}
	patterns := pathRegexp.FindAllStringSubmatch(r.Rule, -1)
	return len(patterns) == 0 || regexp.MustCompile(patterns[0][1]).MatchString(path)
}

// traefikRouters returns the routers of the documented configuration, in the order in which Traefik
// tries them: a router without a priority has the length of its rule.
func traefikRouters(t *testing.T) []traefikRouter {
	t.Helper()
	text, err := os.ReadFile("../../../docs/gateways/traefik.yaml")
	testworld.Must(t, err)
	var file struct {
		HTTP struct{ Routers map[string]traefikRouter }
	}
	testworld.Must(t, yaml.Unmarshal(text, &file))
	var routers []traefikRouter
	for _, router := range file.HTTP.Routers {
		router.Priority = cmp.Or(router.Priority, len(router.Rule))
		routers = append(routers, router)
	}
	slices.SortFunc(routers, func(a, b traefikRouter) int { return cmp.Compare(b.Priority, a.Priority) })
	return routers
}

// Traefik takes the longest rule that matches, unless a router has a priority.
func TestTraefikPassesEveryLinkToTheTracker(t *testing.T) {
	routers := traefikRouters(t)
	for path, want := range map[string]string{
		"/r/ann1": "referral-tracker", "/r/ann1/": "referral-tracker", "/referral/ann1": "referral-tracker",
		"/r/next.js": "referral-tracker", "/r/NEXT.JS": "referral-tracker", "/referral/ann.png": "referral-tracker",
		"/": "shop", "/r": "shop", "/style.css": "shop", "/r.css": "shop", "/things/r/next.js": "shop",
	} {
		first := slices.IndexFunc(routers, func(r traefikRouter) bool { return r.serves(path) })
		if first < 0 || routers[first].Service != want {
			t.Errorf("%s: router %d of %+v, want %s", path, first, routers, want)
		}
	}
}
