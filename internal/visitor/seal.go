package visitor

import (
	"encoding/json"
	"fmt"
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
	content, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("while writing a token: %v", err)) // strings, numbers and a time of this age
	}
	return k.all[0].encrypt(content, purpose)
}
