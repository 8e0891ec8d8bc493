package visitor

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// purpose is authenticated with each token and not part of it: what the same
// keys seal for anything else does not open as a visitor's token.
var purpose = []byte("referral-operator.io/visitor")

// claims are what a token says.
type claims struct {
	Expires time.Time `json:"exp"` // PASETO's own, to the second
	Visitor string    `json:"vis"`
	Touches []sealed  `json:"tch"` // those of Token.Touches
}

// sealed is a touch as a token carries it.
type sealed struct {
	ID   string `json:"i"`
	Code string `json:"c"`
	At   int64  `json:"t"` // microseconds since 1970
}

// Seal writes a token that opens until its lifetime is over.
func (k *Keys) Seal(t Token, now time.Time, lifetime time.Duration) string {
	c := claims{Expires: now.Add(lifetime).UTC().Truncate(time.Second), Visitor: t.VisitorID}
	for _, touch := range t.Touches() {
		c.Touches = append(c.Touches, sealed{ID: touch.ID, Code: touch.Code, At: touch.At.UnixMicro()})
	}
	return k.all[0].encrypt(c.json(), purpose)
}

// json is what encoding/json makes of the claims, sooner.
func (c *claims) json() []byte {
	const usual = 300 // bytes
	text := append(make([]byte, 0, usual), `{"exp":"`...)
	text = c.Expires.AppendFormat(text, time.RFC3339)
	text = appendString(append(text, `","vis":`...), c.Visitor)
	text = append(text, `,"tch":[`...)
	for i, touch := range c.Touches {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendString(append(text, `{"i":`...), touch.ID)
		text = appendString(append(text, `,"c":`...), touch.Code)
		text = strconv.AppendInt(append(text, `,"t":`...), touch.At, 10)
		text = append(text, '}')
	}
	return append(text, "]}"...)
}

// appendString leaves to encoding/json what takes more than two quotes.
func appendString(to []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(text)
			if err != nil {
				panic(fmt.Sprintf("while writing a token: %v", err)) // any string can be
			}
			return append(to, quoted...)
		}
	}
	to = append(append(to, '"'), text...)
	return append(to, '"')
}
