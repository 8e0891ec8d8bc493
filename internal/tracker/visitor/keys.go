package visitor

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"aidanwoods.dev/go-paseto"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"
)

const (
	paserkPrefix = "k4.local." // of a PASERK, which writes a PASETO key as text
	keyBytes     = 32
	mostKeys     = 8
	keyShape     = "write a key as 64 hexadecimal digits, or as k4.local. and 43 characters (openssl rand -hex 32 makes one)"
	keysetShape  = "write a Tink keyset of AES256_GCM keys as JSON, without encryption"
)

// Keys seal and open visitor tokens.
type Keys struct {
	seal tink.AEAD
	open []tink.AEAD // the one that seals is the first
	old  []paseto.V4SymmetricKey
}

// ParseKeys reads a file of keys: keys, one a line, and Tink keysets in JSON, both of any number.
// The first key seals, or the primary key of the first keyset if that comes first; all of them
// open. Empty lines and text after a # are ignored.
//
// A line's key seals by AES-256-GCM under a key that is derived from it, and opens the PASETO
// tokens of earlier versions.
//
// To change keys without losing a visitor, add the new key at the end of the file of every replica;
// once all of them have read it, move it to the beginning; remove the old key when all tokens that
// it sealed are outdated.
//
// Errors contain nothing of the content.
func ParseKeys(content []byte) (*Keys, error) {
	p := keyParser{rest: string(content), seen: map[paseto.V4SymmetricKey]bool{}, lines: keyset.NewManager()}
	keys := new(Keys)
	for p.rest != "" {
		if err := p.next(keys); err != nil {
			return nil, err
		}
	}
	if p.keys == 0 {
		return nil, errors.New("there is no key: " + keyShape)
	}
	if len(keys.old) > 0 {
		ofLines, err := openKeyset(p.lines.Handle())
		if err != nil {
			return nil, err
		}
		keys.open = append(keys.open, ofLines)
		if p.lineFirst {
			keys.open[0], keys.open[len(keys.open)-1] = ofLines, keys.open[0]
		}
	}
	keys.seal = keys.open[0]
	return keys, nil
}

// keyParser is the part of a file that is not parsed, and what was found in the rest.
type keyParser struct {
	rest      string
	line      int // number of the line before rest
	keys      int
	lineFirst bool // the first key is a line
	seen      map[paseto.V4SymmetricKey]bool
	lines     *keyset.Manager // the keys of lines
}

// next parses a line or a keyset.
func (p *keyParser) next(keys *Keys) error {
	if strings.HasPrefix(strings.TrimLeft(p.rest, " \t"), "{") {
		return p.keyset(keys)
	}
	p.line++
	var line string
	line, p.rest, _ = strings.Cut(p.rest, "\n")
	line, _, _ = strings.Cut(line, "#")
	line = strings.TrimSpace(line)
	if line == "" {
		return nil
	}
	key, err := parseKey(line)
	switch {
	case err != nil:
		return fmt.Errorf("line %d is not a key: %w", p.line, err)
	case p.seen[key]:
		return fmt.Errorf("line %d repeats a key: remove it", p.line)
	}
	if err := p.count(p.line, 1); err != nil {
		return err
	}
	id, err := addDerived(p.lines, key)
	if err == nil && len(keys.old) == 0 {
		p.lineFirst = len(keys.open) == 0
		err = p.lines.SetPrimary(id)
	}
	if err != nil {
		return fmt.Errorf("line %d cannot be used together with the others: replace it by another random key", p.line)
	}
	p.seen[key] = true
	keys.old = append(keys.old, key)
	return nil
}

// count counts further keys.
func (p *keyParser) count(line, more int) error {
	if p.keys += more; p.keys > mostKeys {
		return fmt.Errorf("line %d is one key too many: keep at most %d, two are enough to change keys", line, mostKeys)
	}
	return nil
}

// keyset parses a keyset in JSON. The errors of the libraries would quote it.
func (p *keyParser) keyset(keys *Keys) error {
	at := p.line + 1
	decoder := json.NewDecoder(strings.NewReader(p.rest))
	var text json.RawMessage
	if decoder.Decode(&text) != nil {
		return fmt.Errorf("the JSON that begins on line %d is no keyset: %s", at, keysetShape)
	}
	end := decoder.InputOffset()
	p.line += strings.Count(p.rest[:end], "\n")
	p.rest = p.rest[end:]
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(strings.NewReader(string(text))))
	if err != nil {
		return fmt.Errorf("the JSON that begins on line %d is no keyset: %s", at, keysetShape)
	}
	if err := p.count(at, handle.Len()); err != nil {
		return err
	}
	opener, err := openKeyset(handle, nil)
	if err != nil {
		return fmt.Errorf("line %d begins a keyset that cannot be used: %w", at, err)
	}
	keys.open = append(keys.open, opener)
	return nil
}

// openKeyset returns what seals and opens with a keyset of AES-256-GCM keys.
func openKeyset(handle *keyset.Handle, err error) (tink.AEAD, error) {
	if err != nil {
		return nil, errors.New(keysetShape)
	}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, errors.New(keysetShape)
		}
		if entry.KeyStatus() != keyset.Enabled {
			continue
		}
		parameters, ok := entry.Key().Parameters().(*aesgcm.Parameters)
		if !ok || parameters.KeySizeInBytes() != keyBytes {
			return nil, errors.New(keysetShape)
		}
	}
	opener, err := aead.New(handle)
	if err != nil {
		return nil, errors.New(keysetShape)
	}
	return opener, nil
}

// addDerived adds the AES-256-GCM key that is derived from the key of a line, and returns its id.
// Both are the same in every replica.
func addDerived(to *keyset.Manager, from paseto.V4SymmetricKey) (id uint32, err error) {
	const idBytes = 4
	derived, err := hkdf.Key(sha256.New, from.ExportBytes(), nil, "referral-operator.io/visitor AES256_GCM", keyBytes+idBytes)
	if err != nil {
		return 0, err
	}
	id = max(1, binary.BigEndian.Uint32(derived[keyBytes:])) // Tink has no key 0
	parameters, err := aesgcm.NewParameters(aesgcm.ParametersOpts{
		KeySizeInBytes: keyBytes, IVSizeInBytes: 12, TagSizeInBytes: 16, Variant: aesgcm.VariantTink,
	})
	if err != nil {
		return 0, err
	}
	key, err := aesgcm.NewKey(secretdata.NewBytesFromData(derived[:keyBytes], insecuresecretdataaccess.Token{}), id, parameters)
	if err != nil {
		return 0, err
	}
	return to.AddKey(key)
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
