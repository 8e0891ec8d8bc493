package edge

import (
	"errors"
	"net/http"
	"time"

	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

// errLimited is returned when the client requested too many unknown codes.
var errLimited = errors.New("too many unknown codes")

// find returns the link of a trimmed code.
//
// Unknown codes are counted against the client. A client over its limit learns nothing about any code,
// except links that are in memory because others follow them. So guessing does not scale, and one
// guesser does not lock out clients behind the same address.
func (e *Edge) find(r *http.Request, code string, now time.Time) (*links.Link, error) {
	if !e.Links.Remembers(code) && e.Limiter.Exhausted(e.Proxies.Address(r), now) {
		e.Observer.Arrived(Limited)
		return nil, errLimited
	}
	link, err := (*links.Link)(nil), links.ErrUnknown
	if links.Valid(code) {
		link, err = e.Links.Find(r.Context(), code)
	}
	if !errors.Is(err, links.ErrUnknown) {
		return link, err
	}
	if !e.Limiter.Spend(e.Proxies.Address(r), now) {
		e.Observer.Arrived(Limited)
		return nil, errLimited
	}
	e.Observer.Arrived(Unknown)
	return nil, links.ErrUnknown
}
