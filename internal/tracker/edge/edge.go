package edge

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/referral-operator/referral-operator/internal/tracker/clients"
	"github.com/referral-operator/referral-operator/internal/tracker/links"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// Routes as they are named in metrics and logs; see http.Request.Pattern.
const (
	RouteLink    = "/r/{code}"
	RouteAlias   = "/referral/{code}"
	RouteCapture = "/capture"
)

// Options of an Edge.
type Options struct {
	PublicURL     *url.URL // where visitors reach it
	CookieDomain  string   // empty: the cookie is the public host's alone
	FallbackURL   string   // where unknown links lead; empty: 404
	Parameters    []string // that hold a code on any URL, in order of precedence; default r and ref
	RespectGPC    bool     // do not remember visitors that send Sec-GPC: 1
	ConsentCookie string   // visitors without this cookie are not remembered; empty: all are
	IgnoreBots    bool     // crawlers and link previews leave no touch

	// PageParameters are the parameters that are stored of the queries of landing URLs and
	// referers, beside Parameters; one that ends in * is the beginning of names. Default: utm_*.
	PageParameters []string

	Keys    func() *visitor.Keys
	Links   *links.Directory
	Touches *touches.Queue
	Proxies *clients.Proxies
	Limiter *clients.Limiter
	Stored  *clients.TouchLimiter // which touches are stored; nil: all

	Observer Observer
	Now      func() time.Time // default: time.Now
	Next     http.Handler     // for all other paths; default: 404
}

// Arrival is the result of a request with a code: a closed list, for metrics.
type Arrival string

// Arrivals.
const (
	Touched   Arrival = "touched"   // remembered by cookie, and queued for the database
	Shed      Arrival = "shed"      // remembered by cookie alone: the queue was full
	Throttled Arrival = "throttled" // remembered by cookie alone: too many touches of the client, the visitor or all clients
	Repeated  Arrival = "repeated"  // the visitor's last touch was of the same link, a moment before
	Own       Arrival = "own"       // the referrer's own click
	Forgotten Arrival = "forgotten" // not to be remembered: no consent
	Unknown   Arrival = "unknown"   // no such link
	Ended     Arrival = "ended"     // the link has expired or is disabled
	Limited   Arrival = "limited"   // the client, or all together, requested too many unknown codes
	Prefetch  Arrival = "prefetch"  // the browser loads the page before its user asks for it
	Embedded  Arrival = "embedded"  // a part of another page: an image, a frame, a script's request
	Probe     Arrival = "probe"     // a HEAD request
	Bot       Arrival = "bot"       // a crawler or a link preview
)

// Arrivals is the whole list.
func Arrivals() []Arrival {
	return []Arrival{Touched, Shed, Throttled, Repeated, Own, Forgotten, Unknown, Ended, Limited, Prefetch, Embedded, Probe, Bot}
}

// Observer receives events. Either function may be nil.
type Observer struct {
	Arrived      func(Arrival)
	TokenRefused func(visitor.Reason)
}

// Edge serves the routes above, and passes on all others.
type Edge struct {
	Options
	cookie   visitor.Cookie
	fallback []string // the Location header, if any
	pages    pages
}

// New checks the options. Each error names the option and what it takes.
func New(options Options) (*Edge, error) {
	e := &Edge{Options: options}
	if e.PublicURL == nil || (e.PublicURL.Scheme != "https" && e.PublicURL.Scheme != "http") || e.PublicURL.Host == "" {
		return nil, errors.New("--public-url: must be a URL such as https://go.shop.example")
	}
	var err error
	if e.cookie, err = visitor.NewCookie(e.PublicURL, e.CookieDomain); err != nil {
		return nil, err
	}
	if e.FallbackURL != "" {
		if err := links.CheckDestination(e.FallbackURL); err != nil {
			return nil, fmt.Errorf("--fallback-url: %w", err)
		}
		e.fallback = []string{e.FallbackURL}
	}
	if len(e.Parameters) == 0 {
		e.Parameters = []string{"r", "ref"}
	}
	if slices.Contains(e.Parameters, "") {
		return nil, errors.New("--parameters: a name is empty")
	}
	if e.PageParameters == nil {
		e.PageParameters = []string{"utm_*"}
	}
	e.pages = newPages(slices.Concat(e.Parameters, e.PageParameters)...)
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Next == nil {
		e.Next = http.NotFoundHandler()
	}
	if e.Observer.Arrived == nil {
		e.Observer.Arrived = func(Arrival) {}
	}
	if e.Observer.TokenRefused == nil {
		e.Observer.TokenRefused = func(visitor.Reason) {}
	}
	return e, nil
}

// SecureCookie reports whether browsers send the visitor's cookie over TLS only. It is false only
// on a developer's own machine.
func (e *Edge) SecureCookie() bool { return e.cookie.Secure }

// ServeHTTP uses no ServeMux, which redirects paths such as /a//b: a gateway would take the
// redirect for a refusal.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if rest, ok := strings.CutPrefix(path, "/capture"); ok && (rest == "" || rest[0] == '/') {
		r.Pattern = RouteCapture
		e.capture(w, r)
		return
	}
	if route, code, ok := linkOf(r.URL); ok {
		r.Pattern = route
		e.follow(w, r, code)
		return
	}
	e.Next.ServeHTTP(w, r)
}

// linkRoutes are the routes of links by the first segment of their path.
var linkRoutes = map[string]string{"r": RouteLink, "referral": RouteAlias}

// linkOf returns the route and the code of a link's address. It takes the path apart before it
// decodes it: a slash in a code is written %2F.
func linkOf(address *url.URL) (route, code string, ok bool) {
	prefix, rest, _ := strings.Cut(strings.TrimPrefix(address.EscapedPath(), "/"), "/")
	rest = strings.TrimSuffix(rest, "/")
	if rest == "" || strings.IndexByte(rest, '/') >= 0 {
		return "", "", false
	}
	first, _ := url.PathUnescape(prefix) // no error: EscapedPath has complete escapes only
	code, _ = url.PathUnescape(rest)
	route = linkRoutes[first]
	return route, code, route != ""
}
