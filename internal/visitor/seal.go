package visitor

import (
	"fmt"
	"time"

	"aidanwoods.dev/go-paseto"
)

// purpose is authenticated with each token and not part of it: what the same
// keys seal for anything else does not open as a visitor's token.
var purpose = []byte("referral-operator.io/visitor")

// Claims of a token. Its exp is PASETO's own, to the second.
const (
	claimVisitor = "vis"
	claimTouches = "tch" // those of Token.Touches
)

// sealed is a touch as a token carries it.
type sealed struct {
	ID   string `json:"i"`
	Code string `json:"c"`
	At   int64  `json:"t"` // microseconds since 1970
}

// Seal writes a token that opens until its lifetime is over.
func (k *Keys) Seal(t Token, now time.Time, lifetime time.Duration) string {
	touches := make([]sealed, 0, 2)
	for _, touch := range t.Touches() {
		touches = append(touches, sealed{ID: touch.ID, Code: touch.Code, At: touch.At.UnixMicro()})
	}
	token := paseto.NewToken()
	token.SetExpiration(now.Add(lifetime).UTC())
	token.SetString(claimVisitor, t.VisitorID)
	if err := token.Set(claimTouches, touches); err != nil {
		panic(fmt.Sprintf("while writing touches: %v", err)) // strings and numbers
	}
	return token.V4Encrypt(k.all[0], purpose)
}
