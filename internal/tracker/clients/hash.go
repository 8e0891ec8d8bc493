package clients

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"time"
)

// AddressHash turns addresses into keyed hashes that may be stored and logged. The key changes each
// day, so requests of one client can be linked within a day, with the secret, and never across
// days.
type AddressHash struct{ secret []byte }

// NewAddressHash derives the daily keys from a secret. Without a secret, hashing is off.
func NewAddressHash(secret []byte) AddressHash { return AddressHash{secret: secret} }

// Of returns today's hash of an IPv4 address or of an IPv6 address's /64; empty if hashing is off.
func (h AddressHash) Of(addr netip.Addr, now time.Time) string {
	if len(h.secret) == 0 || !addr.IsValid() {
		return ""
	}
	key := sum(h.secret, []byte("referral-operator.io/client-address "+now.UTC().Format(time.DateOnly)))
	text, err := network(addr).MarshalBinary()
	if err != nil {
		return ""
	}
	const length = 16
	return hex.EncodeToString(sum(key, text)[:length])
}

func sum(key, text []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return mac.Sum(nil)
}
