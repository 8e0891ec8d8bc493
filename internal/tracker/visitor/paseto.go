package visitor

import (
	"encoding/base64"
	"strings"
	"time"

	"aidanwoods.dev/go-paseto"
)

// Tokens of earlier versions are PASETO v4.local. They are read, and never written any more.
const (
	pasetoPrefix   = "v4.local."
	pasetoClaim    = "visitor"
	pasetoEnvelope = 32 + 32 // bytes of nonce and tag around the content
)

// pasetoContent is the content of such a token.
type pasetoContent struct {
	Expires int64         `json:"e"` // seconds since 1970
	Visitor string        `json:"v"`
	Touches []pasetoTouch `json:"t"` // none to two
}

type pasetoTouch struct {
	ID   string `json:"i"`
	Code string `json:"c"`
	At   int64  `json:"t"` // microseconds since 1970
}

// isPaseto reports whether a text has the form of such a token.
func isPaseto(text string) bool {
	body, ok := strings.CutPrefix(text, pasetoPrefix)
	if !ok || len(text) > longest {
		return false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	return err == nil && len(raw) > pasetoEnvelope
}

func (k *Keys) openPaseto(text string, now time.Time) (Token, error) {
	if !isPaseto(text) {
		return Token{}, &Refused{Malformed}
	}
	parser := paseto.MakeParser(nil) // the clock is the caller's
	for _, key := range k.old {
		token, err := parser.ParseV4Local(key, text, purpose)
		if err == nil {
			return readPaseto(token, now)
		}
	}
	return Token{}, &Refused{Foreign}
}

func readPaseto(token *paseto.Token, now time.Time) (Token, error) {
	var c pasetoContent
	err := token.Get(pasetoClaim, &c)
	switch {
	case err != nil, !fits(c.Visitor), len(c.Touches) > 2:
		return Token{}, &Refused{Malformed}
	case now.After(time.Unix(c.Expires, 0)):
		return Token{}, &Refused{Outdated}
	}
	t := Token{VisitorID: c.Visitor}
	for i, touch := range c.Touches {
		if !fits(touch.ID) || !fits(touch.Code) {
			return Token{}, &Refused{Malformed}
		}
		t.Last = Touch{ID: touch.ID, Code: touch.Code, At: time.UnixMicro(touch.At).UTC()}
		if i == 0 {
			t.First = t.Last
		}
	}
	return t, nil
}
