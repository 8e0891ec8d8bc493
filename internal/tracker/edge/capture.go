package edge

import (
	"errors"
	"net/http"
	"strings"

	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

// Headers of the answer to a gateway, which passes them to the shop. They are always set, even if
// empty, so that a gateway overwrites headers of these names that a visitor sent.
const (
	headerVisitor = "X-Referral-Visitor"
	headerCode    = "X-Referral-Code"
)

// capture tells a gateway the visitor's id and code, and remembers the code on the requested URL. It
// always answers 200, because Envoy refuses the visitor's request on any other status.
func (e *Edge) capture(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header["Cache-Control"] = noStore
	header["Content-Length"] = nothing

	visitor, code := e.passing(w, r)
	header[headerVisitor] = []string{visitor}
	header[headerCode] = []string{code}
	w.WriteHeader(http.StatusOK)
}

// passing returns the visitor's id and the code of the last touch.
func (e *Edge) passing(w http.ResponseWriter, r *http.Request) (visitorID, code string) {
	now := e.Now()
	asked, method := e.original(r)
	if code := e.codeOn(asked); code != "" && (method == http.MethodGet || method == http.MethodHead) {
		link, err := e.find(r, code, now)
		if err == nil || errors.Is(err, links.ErrUnavailable) {
			if link != nil {
				code = link.Code
			}
			token := e.remember(w, r, arrival{code: code, link: link, landing: asked.String(), at: now})
			return token.VisitorID, token.Last.Code
		}
	}
	if !e.mayRemember(r) {
		return "", ""
	}
	token := e.token(r, now)
	return token.VisitorID, token.Last.Code
}

// codeOn returns the code in a parameter of an address; empty if there is none.
func (e *Edge) codeOn(a webAddress) string {
	if a.query == "" {
		return ""
	}
	for _, name := range e.Parameters {
		if code := links.Trim(parameter(a.query, name)); links.Valid(code) {
			return code
		}
	}
	return ""
}

// original returns the address and method that the visitor requested from the gateway. A trusted
// gateway sends the address in a header: nginx usually in X-Original-URL or X-Original-URI, Traefik
// in X-Forwarded-Uri. Without one it is the path after /capture, as Envoy sends it.
func (e *Edge) original(r *http.Request) (asked webAddress, method string) {
	trusted := e.Proxies.Trusts(r)
	said := func(name string) string {
		if !trusted {
			return ""
		}
		return r.Header.Get(name)
	}
	switch {
	case said("X-Original-URL") != "":
		asked = parseAddress(said("X-Original-URL"))
	case said("X-Forwarded-Uri") != "":
		asked = parseAddress(said("X-Forwarded-Uri"))
	case said("X-Original-URI") != "":
		asked = parseAddress(said("X-Original-URI"))
	default:
		asked = webAddress{path: strings.TrimPrefix(r.URL.EscapedPath(), RouteCapture), query: r.URL.RawQuery}
		if asked.path == "" {
			asked.path = "/"
		}
	}
	if asked.host == "" {
		asked.scheme, asked.host = e.PublicURL.Scheme, e.PublicURL.Host
		if trusted {
			asked.scheme = first(web(said("X-Forwarded-Proto")), asked.scheme)
			asked.host = first(parseAddress("any://"+said("X-Forwarded-Host")).host, r.Host, asked.host)
		}
	}
	return asked, first(said("X-Forwarded-Method"), said("X-Original-Method"), r.Method)
}

// web returns the scheme if it is http or https.
func web(scheme string) string {
	if scheme == "http" || scheme == "https" {
		return scheme
	}
	return ""
}

// first returns the first non-empty text.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
