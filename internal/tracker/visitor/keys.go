package visitor

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"aidanwoods.dev/go-paseto"
)

const (
	paserkPrefix = "k4.local." // of a PASERK, the usual way to write a PASETO key down
	keyBytes     = 32
	mostKeys     = 8
	keyShape     = "write a key as 64 hexadecimal digits, or as k4.local. and 43 characters (openssl rand -hex 32 makes one)"
)

// Keys seal and open visitor tokens.
type Keys struct {
	all []paseto.V4SymmetricKey // the first seals, all open
}

// ParseKeys reads a file of keys, one a line: the first seals, all of them open. To change keys,
// put the new one first, and remove the old one when all tokens that it sealed are outdated. Empty
// lines and text after a # are ignored.
//
// Errors contain nothing of the content.
func ParseKeys(content []byte) (*Keys, error) {
	keys := new(Keys)
	seen := map[paseto.V4SymmetricKey]bool{}
	number := 0
	for line := range strings.Lines(string(content)) {
		number++
		text, _, _ := strings.Cut(line, "#")
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		key, err := parseKey(text)
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d is not a key: %w", number, err)
		case seen[key]:
			return nil, fmt.Errorf("line %d repeats a key: remove it", number)
		case len(keys.all) == mostKeys:
			return nil, fmt.Errorf("line %d is one key too many: keep at most %d, two are enough to change keys", number, mostKeys)
		}
		seen[key] = true
		keys.all = append(keys.all, key)
	}
	if len(keys.all) == 0 {
		return nil, errors.New("there is no key: " + keyShape)
	}
	return keys, nil
}

func parseKey(text string) (paseto.V4SymmetricKey, error) {
	var none paseto.V4SymmetricKey
	decode := hex.DecodeString
	if rest, ok := strings.CutPrefix(text, paserkPrefix); ok {
		text, decode = rest, base64.RawURLEncoding.Strict().DecodeString
	}
	// The decoders' own errors would quote the text.
	material, err := decode(text)
	if err != nil || len(material) != keyBytes {
		return none, errors.New(keyShape)
	}
	key, err := paseto.V4SymmetricKeyFromBytes(material)
	if err != nil {
		return none, errors.New(keyShape)
	}
	if key == none {
		return none, errors.New("it is all zeros, which is easy to guess: make a random one")
	}
	return key, nil
}
