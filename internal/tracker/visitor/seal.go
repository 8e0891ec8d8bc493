package visitor

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"
)

// Prefix begins every token that Seal writes.
const Prefix = "r1."

// purpose is authenticated with each token without being part of it, so that a text that the same
// keys seal for another purpose does not open as a visitor's token.
var purpose = []byte("referral-operator.io/visitor")

// Seal writes a token that opens for its lifetime, the end of which belongs to it.
func (k *Keys) Seal(t Token, now time.Time, lifetime time.Duration) string {
	const usual = 256
	sealed, err := k.seal.Encrypt(t.encode(make([]byte, 0, usual), now.Add(lifetime)), purpose)
	if err != nil {
		panic(fmt.Sprintf("while sealing a token: %v", err)) // only a text of gigabytes fails
	}
	text := make([]byte, len(Prefix)+base64.RawURLEncoding.EncodedLen(len(sealed)))
	base64.RawURLEncoding.Encode(text[copy(text, Prefix):], sealed)
	return string(text)
}

// encode appends the content of a token: the last second in which it opens, the visitor's id, and
// none to two touches, each of id, code and microsecond. Numbers are varints, and texts begin with
// their length.
func (t Token) encode(to []byte, end time.Time) []byte {
	last := end.Unix()
	if end.Nanosecond() > 0 {
		last++ // the token opens no shorter than its lifetime
	}
	to = binary.AppendVarint(to, last)
	to = appendText(to, t.VisitorID)
	for _, touch := range t.Touches() {
		to = appendText(to, touch.ID)
		to = appendText(to, touch.Code)
		to = binary.AppendVarint(to, touch.At.UnixMicro())
	}
	return to
}

func appendText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}
