package edge

import (
	"errors"
	"net/http"
	"time"

	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

// errLimited: the client asked for too many codes that are not there.
var errLimited = errors.New("too many unknown codes")

// find returns the link of a trimmed code.
//
// Unknown codes are counted against the client. One that has none left learns
// nothing about any code, known or not, but for links that many follow anyway:
// so guessing does not scale, and a guesser does not shut out his neighbours.
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
