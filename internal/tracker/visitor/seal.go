package visitor

import (
	"fmt"
	"time"

	"aidanwoods.dev/go-paseto"
)

// purpose is authenticated with each token without being part of it, so that a text that the same
// keys seal for another purpose does not open as a visitor's token.
var purpose = []byte("referral-operator.io/visitor")

// claim is the only claim of a token: the library encodes each of its own claims separately, and
// most of the time of a redirect is spent on reading and writing tokens.
const claim = "visitor"

// contents are the content of a token.
type contents struct {
	Expires int64    `json:"e"` // seconds since 1970
	Visitor string   `json:"v"`
	Touches []sealed `json:"t"` // those of Token.Touches
}

// sealed is a touch in a token.
type sealed struct {
	ID   string `json:"i"`
	Code string `json:"c"`
	At   int64  `json:"t"` // microseconds since 1970
}

// Seal writes a token that opens until its lifetime is over.
func (k *Keys) Seal(t Token, now time.Time, lifetime time.Duration) string {
	c := contents{Expires: now.Add(lifetime).Unix(), Visitor: t.VisitorID, Touches: make([]sealed, 0, 2)}
	for _, touch := range t.Touches() {
		c.Touches = append(c.Touches, sealed{ID: touch.ID, Code: touch.Code, At: touch.At.UnixMicro()})
	}
	token := paseto.NewToken()
	if err := token.Set(claim, c); err != nil {
		panic(fmt.Sprintf("while writing a token: %v", err)) // it holds strings and numbers only
	}
	return token.V4Encrypt(k.all[0], purpose)
}
