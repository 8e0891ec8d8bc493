package edge

import (
	"net/http"
	"strings"
	"time"

	"github.com/referral-operator/referral-operator/internal/tracker/links"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// arrival is a request with a code.
type arrival struct {
	code    string      // of the link; where there is none, as it was given
	link    *links.Link // nil: the database could not be asked
	landing string      // the URL that was asked for
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
	if token.VisitorID == "" {
		token = visitor.New()
	}
	touch := visitor.NewTouch(a.code, a.at)
	window := e.Links.LongestWindow()
	token = token.Touched(touch, window)
	header := w.Header()
	header["Set-Cookie"] = append(header["Set-Cookie"], e.cookie.Header(e.Keys().Seal(token, a.at, window), window))

	queued := e.Touches.Add(touches.Touch{
		VisitorID: token.VisitorID, ID: touch.ID, Code: touch.Code, At: touch.At,
		LandingURL: a.landing, Referer: referer(r),
	})
	if queued {
		e.Observer.Arrived(Touched)
	} else {
		e.Observer.Arrived(Shed)
	}
	return token
}

// mostCookies is how many cookies of the name are tried: another host of the domain may have set one.
const mostCookies = 4

// token returns the visitor's token; the zero Token if there is no valid one.
func (e *Edge) token(r *http.Request, now time.Time) visitor.Token {
	if r.Header["Cookie"] == nil {
		return visitor.Token{}
	}
	cookies := r.CookiesNamed(e.cookie.Name)
	for _, cookie := range cookies[:min(len(cookies), mostCookies)] {
		token, err := e.Keys().Open(cookie.Value, now)
		if err == nil {
			return token
		}
		if refused, ok := err.(*visitor.Refused); ok { //nolint:errorlint // Open returns nothing else
			e.Observer.TokenRefused(refused.Reason)
		}
	}
	return visitor.Token{}
}

// mayRemember reports whether the visitor may be remembered under RespectGPC and ConsentCookie.
func (e *Edge) mayRemember(r *http.Request) bool {
	if e.RespectGPC && r.Header.Get("Sec-GPC") == "1" {
		return false
	}
	if e.ConsentCookie == "" {
		return true
	}
	for _, cookie := range r.CookiesNamed(e.ConsentCookie) {
		switch strings.ToLower(cookie.Value) {
		case "", "0", "false", "no", "off", "deny", "denied", "rejected":
		default:
			return true
		}
	}
	return false
}

// referer returns the Referer header without user name and password.
func referer(r *http.Request) string {
	text := r.Header.Get("Referer")
	if strings.IndexByte(text, '@') < 0 {
		return text
	}
	return parseAddress(text).String()
}
