package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const shortestToken = 16

// Tokens are the bearer tokens of the API, each with the name of its holder.
type Tokens struct{ all []token }

type token struct {
	name   string
	digest [sha256.Size]byte
}

// tokenLine is a name, with or without a colon, and a token.
var tokenLine = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]{0,62}):?[ \t]+(\S+)$`)

const lineShape = `write "name: token" or "name sha256:<64 hexadecimal digits>", one a line`

// ParseTokens reads a file of tokens, one a line: "shop: <token>", or "shop sha256:<hex>" where the
// file must not contain the token itself. A name may have several tokens, so that one can be
// replaced. Empty lines and lines that begin with # are ignored.
//
// Errors contain nothing of the content.
func ParseTokens(content []byte) (*Tokens, error) {
	tokens := new(Tokens)
	number := 0
	for line := range strings.Lines(string(content)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := tokenLine.FindStringSubmatch(line)
		if parts == nil {
			return nil, fmt.Errorf("line %d is not a token: %s", number, lineShape)
		}
		digest, err := digestOf(parts[2])
		if err != nil {
			return nil, fmt.Errorf("line %d is not a token: %w", number, err)
		}
		tokens.all = append(tokens.all, token{name: parts[1], digest: digest})
	}
	if len(tokens.all) == 0 {
		return nil, errors.New("there is no token: " + lineShape)
	}
	return tokens, nil
}

func digestOf(text string) (digest [sha256.Size]byte, err error) {
	if written, ok := strings.CutPrefix(text, "sha256:"); ok {
		raw, err := hex.DecodeString(written) // its own error would quote the text
		if err != nil || len(raw) != sha256.Size {
			return digest, errors.New("sha256: must be followed by 64 hexadecimal digits")
		}
		return [sha256.Size]byte(raw), nil
	}
	if len(text) < shortestToken {
		return digest, fmt.Errorf("it has fewer than %d characters and could be guessed", shortestToken)
	}
	return sha256.Sum256([]byte(text)), nil
}

// Name returns the name of a token's holder, in a time that does not depend on the token.
func (t *Tokens) Name(text string) (name string, ok bool) {
	digest := sha256.Sum256([]byte(text))
	found := -1
	for i := range t.all {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(t.all[i].digest[:], digest[:]), i, found)
	}
	if found < 0 {
		return "", false
	}
	return t.all[found].name, true
}
