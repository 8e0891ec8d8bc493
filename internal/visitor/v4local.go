package visitor

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"sync"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/chacha20"
)

// This file is PASETO v4.local, for messages without a footer. Tokens are most
// of what a redirect costs; the usual library takes claims through maps and
// JSON three times over, and with it a redirect took half again as long. Tests
// hold the two against each other: each opens what the other seals.

const (
	keyBytes   = 32
	nonceBytes = 32
	tagBytes   = 32
	envelope   = nonceBytes + tagBytes // around the content
)

// encoding refuses text of which some bits would not count.
var encoding = base64.RawURLEncoding.Strict()

type secret [keyBytes]byte

// sealer seals and opens under one key.
type sealer struct {
	key  secret
	pool sync.Pool // of *derivation
}

// derivation are hashes under the key, ready to use again.
type derivation struct{ encryption, authentication hash.Hash }

func newSealer(key secret) *sealer {
	s := &sealer{key: key}
	s.pool.New = func() any {
		return &derivation{encryption: keyed(chacha20.KeySize+chacha20.NonceSizeX, key[:]), authentication: keyed(keyBytes, key[:])}
	}
	return s
}

// encrypt writes content as a token. What implicit says is authenticated with
// it, and whoever opens it must know.
func (s *sealer) encrypt(content, implicit []byte) string {
	raw := make([]byte, nonceBytes, envelope+len(content))
	_, _ = rand.Read(raw) // never fails
	cipher, tag := s.begin(raw)
	raw = raw[:nonceBytes+len(content)]
	cipher.XORKeyStream(raw[nonceBytes:], content)
	raw = authenticate(tag, raw, implicit).Sum(raw)

	text := make([]byte, len(Prefix), len(Prefix)+encoding.EncodedLen(len(raw)))
	copy(text, Prefix)
	return string(encoding.AppendEncode(text, raw))
}

// decrypt returns the content of what encrypt wrote under this key, from what
// was encoded. It writes over raw.
func (s *sealer) decrypt(raw, implicit []byte) (content []byte, ok bool) {
	end := len(raw) - tagBytes
	cipher, tag := s.begin(raw[:nonceBytes])
	if !hmac.Equal(authenticate(tag, raw[:end], implicit).Sum(nil), raw[end:]) {
		return nil, false
	}
	content = raw[nonceBytes:end]
	cipher.XORKeyStream(content, content)
	return content, true
}

// begin derives what encrypts and what authenticates one message.
func (s *sealer) begin(nonce []byte) (*chacha20.Cipher, hash.Hash) {
	derived := make([]byte, 0, chacha20.KeySize+chacha20.NonceSizeX+keyBytes)
	d, ok := s.pool.Get().(*derivation)
	if !ok {
		panic("the pool has something else in it")
	}
	derived = derive(derived, d.encryption, "paseto-encryption-key", nonce)
	derived = derive(derived, d.authentication, "paseto-auth-key-for-aead", nonce)
	s.pool.Put(d)

	key, rest := derived[:chacha20.KeySize], derived[chacha20.KeySize:]
	cipher, err := chacha20.NewUnauthenticatedCipher(key, rest[:chacha20.NonceSizeX])
	if err != nil {
		panic(err) // the lengths are constant
	}
	return cipher, keyed(tagBytes, rest[chacha20.NonceSizeX:])
}

func derive(into []byte, h hash.Hash, purpose string, nonce []byte) []byte {
	h.Reset()
	_, _ = h.Write([]byte(purpose)) // hashes take everything
	_, _ = h.Write(nonce)
	return h.Sum(into)
}

func keyed(size int, key []byte) hash.Hash {
	h, err := blake2b.New(size, key)
	if err != nil {
		panic(err) // the lengths are constant
	}
	return h
}

// authenticate takes header, nonce, ciphertext, the empty footer and implicit
// into account, each after its length, so that none runs into the next.
func authenticate(tag hash.Hash, sealed, implicit []byte) hash.Hash {
	pieces := [...][]byte{[]byte(Prefix), sealed[:nonceBytes], sealed[nonceBytes:], nil, implicit}
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], uint64(len(pieces)))
	_, _ = tag.Write(number[:])
	for _, piece := range pieces {
		binary.LittleEndian.PutUint64(number[:], uint64(len(piece)))
		_, _ = tag.Write(number[:])
		_, _ = tag.Write(piece)
	}
	return tag
}
