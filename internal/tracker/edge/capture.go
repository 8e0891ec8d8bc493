package edge

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

// Headers of the answer to a gateway, which passes them to the shop. They are always set, even if
// empty, so that a gateway overwrites headers of these names that a visitor sent.
const (
	headerVisitor = "X-Referral-Visitor"
	headerCode    = "X-Referral-Code"
)

// capture tells a gateway the visitor's id and code, and remembers the code on the requested URL.
// It answers 200, because Envoy refuses the visitor's request on any other status. The exception is
// a prefetch of a page with the code of a link: 503 makes the browser ask again when its user does.
// net/http refuses a path with an incomplete escape before; docs/gateways/envoy.yaml asks about
// none.
func (e *Edge) capture(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header["Cache-Control"] = noStore
	header["Content-Length"] = nothing

	visitor, code, status := e.passing(w, r)
	header[headerVisitor] = []string{visitor}
	header[headerCode] = []string{code}
	w.WriteHeader(status)
}

// gatewayPatience is how long a gateway's request waits for the database: less than the timeouts in
// docs/gateways, after which a gateway passes the visitor without a cookie. Then what is in memory
// counts, however old, as during an outage.
const gatewayPatience = 300 * time.Millisecond

// passing returns the visitor's id, the code of the last touch, and the status of the answer.
func (e *Edge) passing(w http.ResponseWriter, r *http.Request) (visitorID, code string, status int) {
	now := e.Now()
	asked, method := e.original(r)
	if codes := e.codesOn(asked); len(codes) > 0 && (method == http.MethodGet || method == http.MethodHead) {
		// Any page may have such a parameter for a purpose of its own: an unknown code counts
		// against no client. A gateway that closes its connection is no outage.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), gatewayPatience)
		link, code, err := find(ctx, e.Links.FindOnPage, codes...)
		cancel()
		if err == nil || errors.Is(err, links.ErrUnavailable) {
			switch reason := e.noVisit(r, method); reason {
			case "":
				token := e.remember(w, r, arrival{code: code, link: link, landing: asked, at: now})
				return token.VisitorID, token.Last.Code, http.StatusOK
			case Prefetch:
				e.Observer.Arrived(Prefetch)
				return "", "", http.StatusServiceUnavailable
			default:
				e.Observer.Arrived(reason)
			}
		}
	}
	if !e.mayRemember(r) {
		return "", "", http.StatusOK
	}
	token := e.token(r, now)
	return token.VisitorID, token.Last.Code, http.StatusOK
}

// mostCodes is the most codes that are looked up for one request.
const mostCodes = 4

// codesOn returns the values of the parameters that may hold a code, in order of precedence. It
// leaves out values that cannot be codes.
func (e *Edge) codesOn(a webAddress) (codes []string) {
	if a.query == "" {
		return nil
	}
	for _, name := range e.Parameters {
		for value := range values(a.query, name) {
			if !mayBeCode(value) {
				continue
			}
			if codes = append(codes, value); len(codes) == mostCodes {
				return codes
			}
		}
	}
	return codes
}

// pageHeaders are the headers in which gateways send the address of the requested page: nginx
// usually in X-Original-URL or X-Original-URI, Traefik in X-Forwarded-Uri.
var pageHeaders = [...]string{"X-Original-Url", "X-Forwarded-Uri", "X-Original-Uri"}

// original returns the address and method that the visitor requested from the gateway: the path
// after /capture, as Envoy sends it, else what a trusted gateway sends in a header. At /capture/ the
// path is the home page: a header is not read there, since the visitor may have sent it.
//
// A gateway may pass on another of these headers that the visitor sent, or another line of the same
// one. The tracker cannot tell which is whose: if they differ, it believes none.
func (e *Edge) original(r *http.Request) (asked webAddress, method string) {
	trusted := e.Proxies.Trusts(r)
	said := func(name string) string {
		if !trusted {
			return ""
		}
		return agreed(r.Header[name])
	}
	asked = webAddress{path: strings.TrimPrefix(r.URL.EscapedPath(), RouteCapture), query: r.URL.RawQuery}
	if asked.path == "" {
		asked.path = "/"
		if page, ok := namedPage(r.Header); trusted && ok {
			asked = page
		}
	}
	if asked.host == "" {
		asked.scheme, asked.host = e.PublicURL.Scheme, e.PublicURL.Host
		if trusted {
			asked.scheme = cmp.Or(web(said("X-Forwarded-Proto")), asked.scheme)
			asked.host = cmp.Or(parseAddress("any://"+said("X-Forwarded-Host")).host, r.Host, asked.host)
		}
	}
	return asked, cmp.Or(said("X-Forwarded-Method"), said("X-Original-Method"), r.Method)
}

// namedPage returns the page that the headers name, preferably with its host. It is the address of
// no page if any two lines of them name different ones.
func namedPage(header http.Header) (page webAddress, ok bool) {
	for _, name := range pageHeaders {
		for _, text := range header[name] {
			if text == "" {
				continue
			}
			other := parseAddress(text)
			if ok && (other.path != page.path || other.query != page.query) {
				return webAddress{path: "/"}, true
			}
			if !ok || page.host == "" {
				page, ok = other, true
			}
		}
	}
	return page, ok
}

// agreed returns what all lines of a header say. It is empty if they differ.
func agreed(lines []string) string {
	if len(lines) == 0 || slices.ContainsFunc(lines, func(line string) bool { return line != lines[0] }) {
		return ""
	}
	return lines[0]
}

// web returns the scheme if it is http or https.
func web(scheme string) string {
	if scheme == "http" || scheme == "https" {
		return scheme
	}
	return ""
}
