package visitor

import (
	"encoding/json"
	"strings"
	"time"
)

// Reason is why a token is not believed: a closed list, for metrics.
type Reason string

// Reasons.
const (
	Malformed Reason = "malformed" // no token at all, or one cut short
	Oversized Reason = "oversized" // longer than any cookie
	Foreign   Reason = "foreign"   // sealed with none of the keys, or altered since
	Outdated  Reason = "outdated"  // its lifetime is over
)

// Reasons is the whole list.
func Reasons() []Reason { return []Reason{Malformed, Oversized, Foreign, Outdated} }

// Refused says why a token is not believed. Who brought it is a new visitor:
// a bad token is no reason to turn anybody away.
type Refused struct{ Reason Reason }

func (r *Refused) Error() string { return "the visitor token is " + string(r.Reason) }

// Prefix begins every token, and no visitor id that this package makes.
const Prefix = "v4.local."

const (
	longest     = 4096 // of a token: browsers keep no longer cookies
	longestText = 255  // of ids and codes, as in the database
)

// Open reads a token that Seal wrote and nobody has altered. Errors are
// *Refused.
func (k *Keys) Open(text string, now time.Time) (Token, error) {
	if len(text) > longest {
		return Token{}, &Refused{Oversized}
	}
	body, ok := strings.CutPrefix(text, Prefix)
	if !ok || strings.ContainsAny(body, "\r\n") { // which the decoder would pass over
		return Token{}, &Refused{Malformed}
	}
	raw, err := encoding.DecodeString(body)
	if err != nil || len(raw) <= envelope {
		return Token{}, &Refused{Malformed}
	}
	for _, key := range k.all {
		if content, ok := key.decrypt(raw, purpose); ok {
			return read(content, now)
		}
	}
	return Token{}, &Refused{Foreign}
}

func read(content []byte, now time.Time) (Token, error) {
	var c claims
	err := json.Unmarshal(content, &c)
	switch {
	case err != nil, c.Expires.IsZero(), !fits(c.Visitor), len(c.Touches) > 2:
		return Token{}, &Refused{Malformed}
	case !now.Before(c.Expires):
		return Token{}, &Refused{Outdated}
	}
	t := Token{VisitorID: c.Visitor}
	for i, s := range c.Touches {
		if !fits(s.ID) || !fits(s.Code) {
			return Token{}, &Refused{Malformed}
		}
		t.Last = Touch{ID: s.ID, Code: s.Code, At: time.UnixMicro(s.At).UTC()}
		if i == 0 {
			t.First = t.Last
		}
	}
	return t, nil
}

func fits(text string) bool { return text != "" && len(text) <= longestText }
