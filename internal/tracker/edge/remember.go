package edge

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/referral-operator/referral-operator/internal/tracker/links"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// arrival is a request with a code.
type arrival struct {
	code    string      // of the link; without a link, as it was given
	link    *links.Link // nil: the database is away
	landing webAddress  // the requested page
	at      time.Time
}

// remember records the touch of an arrival in the visitor's cookie and in the queue, unless the
// visitor may not be remembered or is the referrer. It returns the visitor's resulting token.
func (e *Edge) remember(w http.ResponseWriter, r *http.Request, a arrival) visitor.Token {
	if !e.mayRemember(r) {
		e.Observer.Arrived(Forgotten)
		return visitor.Token{}
	}
	token := e.token(r, a.at)
	if a.link != nil && token.VisitorID != "" && token.VisitorID == a.link.ReferrerVisitor {
		e.Observer.Arrived(Own)
		return token
	}
	if token.Last.Code == a.code && a.at.Sub(token.Last.At).Abs() < repeatTime {
		e.Observer.Arrived(Repeated)
		return token
	}
	if token.VisitorID == "" {
		token = visitor.New()
	}
	touch := visitor.NewTouch(a.code, a.at)
	window := e.Links.LongestWindow()
	token = token.Touched(touch, window)
	header := w.Header()
	header["Set-Cookie"] = append(header["Set-Cookie"], e.cookie.Header(e.Keys().Seal(token, a.at, window), window))

	e.Observer.Arrived(e.store(r, a, token.VisitorID, touch))
	return token
}

// repeatTime is how long another visit of the same link is the same touch: a double click, a page
// that is loaded again.
const repeatTime = time.Minute

// store queues a touch for the database, unless its client or visitor left too many.
func (e *Edge) store(r *http.Request, a arrival, visitorID string, touch visitor.Touch) Arrival {
	if e.Stored != nil && !e.Stored.Allow(e.Proxies.Address(r), visitorID, a.at) {
		return Throttled
	}
	queued := e.Touches.Add(touches.Touch{
		VisitorID: visitorID, ID: touch.ID, Code: touch.Code, At: touch.At,
		LandingURL: e.pages.reduced(a.landing), Referer: e.pages.reduce(r.Header.Get("Referer")),
	})
	if !queued {
		return Shed
	}
	return Touched
}

// token returns the visitor's token: that of the first cookie that has a valid one. Cookies of the
// current name come before those of the name that was in use without a cookie domain. It returns
// the zero Token if there is none.
func (e *Edge) token(r *http.Request, now time.Time) visitor.Token {
	token, err := e.Keys().OpenFirst(func(yield func(string) bool) {
		for _, name := range e.cookie.Names() {
			for value := range cookies(r, name) {
				if !yield(value) {
					return
				}
			}
		}
	}, now)
	if refused, ok := errors.AsType[*visitor.Refused](err); ok {
		e.Observer.TokenRefused(refused.Reason)
	}
	return token
}

// mayRemember reports whether the visitor may be remembered under RespectGPC and ConsentCookie.
func (e *Edge) mayRemember(r *http.Request) bool {
	if e.RespectGPC && r.Header.Get("Sec-GPC") == "1" {
		return false
	}
	if e.ConsentCookie == "" {
		return true
	}
	for value := range cookies(r, e.ConsentCookie) {
		switch strings.ToLower(value) {
		case "", "0", "false", "no", "off", "deny", "denied", "rejected":
		default:
			return true
		}
	}
	return false
}
