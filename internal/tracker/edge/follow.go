package edge

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/referral-operator/referral-operator/internal/tracker/clients"
	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

// Values of headers, allocated once; no code changes a header's values in place.
var (
	noStore   = []string{"no-store"}
	origin    = []string{"strict-origin"}
	nothing   = []string{"0"}
	plainText = []string{"text/plain; charset=utf-8"}
	getOrHead = []string{"GET, HEAD"}
)

// retryAfter is sent while the database is away.
const retryAfter = 5 * time.Second

// follow redirects to a link's destination, else to the fallback.
func (e *Edge) follow(w http.ResponseWriter, r *http.Request, code string) {
	header := w.Header()
	header["Cache-Control"] = noStore
	header["Referrer-Policy"] = origin
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header["Allow"] = getOrHead
		say(w, http.StatusMethodNotAllowed)
		return
	}
	reason := e.noVisit(r, r.Method)
	if reason == Prefetch {
		e.Observer.Arrived(Prefetch)
		say(w, http.StatusServiceUnavailable) // so that the browser asks again when its user does
		return
	}
	now := e.Now()
	// A client that is gone, or has closed its half of the connection, is no outage.
	link, found, err := find(context.WithoutCancel(r.Context()), e.Links.Find, code)
	switch {
	case errors.Is(err, links.ErrUnknown):
		e.refuse(w, r, code, now)
	case errors.Is(err, links.ErrEnded):
		e.Observer.Arrived(Ended)
		e.lead(w, nil, http.StatusNotFound)
	case err != nil:
		// The database is away. The touch is remembered all the same: the engine judges its code at
		// the signup.
		e.visit(w, r, reason, arrival{code: found, landing: e.page(r), at: now})
		wait(header, retryAfter)
		e.lead(w, nil, http.StatusServiceUnavailable)
	default:
		e.visit(w, r, reason, arrival{code: found, link: link, landing: e.page(r), at: now})
		var location []string
		destination := links.Destination(link, parameter(r.URL.RawQuery, "to"))
		if destination = links.WithQuery(destination, r.URL.RawQuery, e.own); destination != "" {
			location = []string{destination}
		}
		e.lead(w, location, http.StatusNotFound)
	}
}

// own reports whether a parameter of a link is the tracker's, and not the destination's.
func (e *Edge) own(name string) bool {
	name = strings.TrimPrefix(name, "amp;")
	return name == "to" || slices.Contains(e.Parameters, name)
}

// page is the address of a requested link.
func (e *Edge) page(r *http.Request) webAddress {
	return webAddress{scheme: e.PublicURL.Scheme, host: e.PublicURL.Host, path: r.URL.EscapedPath(), query: r.URL.RawQuery}
}

// refuse answers a request for a code without a link, and counts the code against the client. A
// client over its limit gets 429 for further ones. Beyond the limit of all clients together a
// visitor is not to blame, and is still led to the fallback. A link is found whatever the limits,
// so that one client shuts out no visitor behind the same address.
func (e *Edge) refuse(w http.ResponseWriter, r *http.Request, code string, now time.Time) {
	switch e.Limiter.Spend(e.Proxies.Address(r), strings.ToLower(links.Trim(code)), now) {
	case clients.Allowed:
		e.Observer.Arrived(Unknown)
		e.lead(w, nil, http.StatusNotFound)
	case clients.TotalExceeded:
		e.Observer.Arrived(Limited)
		wait(w.Header(), e.Limiter.RetryAfter())
		e.lead(w, nil, http.StatusTooManyRequests)
	case clients.ClientExceeded:
		e.Observer.Arrived(Limited)
		wait(w.Header(), e.Limiter.RetryAfter())
		say(w, http.StatusTooManyRequests)
	}
}

// visit remembers an arrival, unless there is a reason why it is not a visit.
func (e *Edge) visit(w http.ResponseWriter, r *http.Request, reason Arrival, a arrival) {
	if reason != "" {
		e.Observer.Arrived(reason)
		return
	}
	e.remember(w, r, a)
}

// lead redirects to location, else to the fallback, else answers with a status.
func (e *Edge) lead(w http.ResponseWriter, location []string, otherwise int) {
	if location == nil {
		location = e.fallback
	}
	if location == nil {
		say(w, otherwise)
		return
	}
	header := w.Header()
	delete(header, "Retry-After")
	header["Location"] = location
	header["Content-Length"] = nothing
	w.WriteHeader(http.StatusFound)
}

// say answers with a status and its text.
func say(w http.ResponseWriter, status int) {
	w.Header()["Content-Type"] = plainText
	w.WriteHeader(status)
	_, _ = w.Write([]byte(http.StatusText(status) + "\n")) // fails only if the client is gone
}

func wait(header http.Header, d time.Duration) {
	header["Retry-After"] = []string{strconv.Itoa(int(d.Round(time.Second) / time.Second))}
}
