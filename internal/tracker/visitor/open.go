package visitor

import (
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"

	"aidanwoods.dev/go-paseto"
)

// Reason is why a token is invalid: a closed list, for metrics.
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

// Refused is the error for an invalid token. Its bearer is treated as a new visitor: an invalid
// token is no reason to refuse a request.
type Refused struct{ Reason Reason }

func (r *Refused) Error() string { return "the visitor token is " + string(r.Reason) }

// Prefix begins every token, and no visitor id that this package makes.
const Prefix = "v4.local."

const (
	longest     = 4096            // of a token: browsers keep no longer cookies
	envelope    = 32 + 32         // bytes of nonce and tag around the content
	longestText = 255             // characters of ids and codes, as in the database
	largestText = 3 * longestText // bytes
)

// Open reads an unaltered token that Seal wrote. Its errors are *Refused.
func (k *Keys) Open(text string, now time.Time) (Token, error) {
	if len(text) > longest {
		return Token{}, &Refused{Oversized}
	}
	body, ok := strings.CutPrefix(text, Prefix)
	if !ok {
		return Token{}, &Refused{Malformed}
	}
	parser := paseto.MakeParser(nil) // the clock is the caller's
	for _, key := range k.all {
		token, err := parser.ParseV4Local(key, text, purpose)
		if err == nil {
			return read(token, now)
		}
	}
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(body); err != nil || len(raw) <= envelope {
		return Token{}, &Refused{Malformed}
	}
	return Token{}, &Refused{Foreign}
}

func read(token *paseto.Token, now time.Time) (Token, error) {
	var c contents
	err := token.Get(claim, &c)
	switch {
	case err != nil, !fits(c.Visitor), len(c.Touches) > 2:
		return Token{}, &Refused{Malformed}
	case !now.Before(time.Unix(c.Expires, 0)):
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

func fits(text string) bool {
	return text != "" && len(text) <= largestText && utf8.RuneCountInString(text) <= longestText
}
