package visitor

import (
	"crypto/rand"
	"encoding/base32"
	"time"
)

// Touch is one visit through a link.
type Touch struct {
	ID   string    // also in the touch's row, so that both are one touch
	Code string    // of the link; as it was given while the database is away
	At   time.Time // to the microsecond, as Postgres stores it
}

// IsZero reports whether there is no touch.
func (t Touch) IsZero() bool { return t.ID == "" && t.Code == "" && t.At.IsZero() }

// NewTouch returns a touch with a new id.
func NewTouch(code string, at time.Time) Touch {
	return Touch{ID: newID(), Code: code, At: at.UTC().Truncate(time.Microsecond)}
}

// Token is the content of the cookie. The zero Token has no visitor.
type Token struct {
	VisitorID string
	First     Touch // the earliest that was within the longest window at the last touch
	Last      Touch
}

// New returns the token of a new visitor.
func New() Token { return Token{VisitorID: newID()} }

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newID draws an id that cannot be guessed: 128 random bits.
func newID() string {
	const bytes, characters = 16, 26
	var random [bytes]byte
	_, _ = rand.Read(random[:]) // never fails
	var id [characters]byte
	base32Lower.Encode(id[:], random[:])
	return string(id[:])
}

// Touched returns the token after another touch. First stays while it is within the longest
// attribution window. After that, Last takes its place if it is within the window, else the new
// touch.
func (t Token) Touched(touch Touch, window time.Duration) Token {
	outdated := func(earlier Touch) bool { return earlier.IsZero() || touch.At.Sub(earlier.At) > window }
	switch {
	case !outdated(t.First):
	case !outdated(t.Last):
		t.First = t.Last
	default:
		t.First = touch
	}
	t.Last = touch
	return t
}

// Touches returns the touches of the token, earliest first: none, one or two.
func (t Token) Touches() []Touch {
	switch {
	case t.Last.IsZero() && t.First.IsZero():
		return nil
	case t.First.IsZero(), t.First.ID == t.Last.ID:
		return []Touch{t.Last}
	case t.Last.IsZero():
		return []Touch{t.First}
	}
	return []Touch{t.First, t.Last}
}
