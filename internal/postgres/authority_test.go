package postgres_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// A tenant writes the authorities and the hosts, and each attempt to connect needs them.
func TestAllHostsShareTheAuthorities(t *testing.T) {
	authority, err := testworld.NewAuthority("ours")
	testworld.Must(t, err)
	uri := "postgres://shop:s3cr3t@" + strings.Repeat("a.example,", 15) + "b.example/shop"
	for _, mode := range []postgres.TLSMode{postgres.VerifyFull, postgres.Require} {
		config, err := postgres.ParseConfig(uri, &postgres.TLS{Mode: mode, CA: authority.PEM()})
		testworld.Must(t, err)
		roots := config.ConnConfig.TLSConfig.RootCAs
		for _, host := range config.ConnConfig.Fallbacks {
			if roots == nil || host.TLSConfig.RootCAs != roots {
				t.Fatalf("%s: %s has authorities of its own", mode, host.Host)
			}
		}
	}
}

func TestAuthoritiesHaveAtMost256KiB(t *testing.T) {
	authority, err := testworld.NewAuthority("ours")
	testworld.Must(t, err)
	const most = 256 << 10
	longest := authority.PEM()
	longest = append(longest, bytes.Repeat([]byte("\n"), most-len(longest))...)
	if _, err := postgres.ParseConfig("postgres://shop@db/shop", &postgres.TLS{Mode: postgres.VerifyFull, CA: longest}); err != nil {
		t.Error(err)
	}
	_, err = postgres.ParseConfig("postgres://shop@db/shop", &postgres.TLS{Mode: postgres.VerifyFull, CA: append(longest, '\n')})
	if !errors.Is(err, postgres.ErrLargeAuthority) {
		t.Errorf("error %v", err)
	}
}

// Verifying a signature takes time that grows with the square of the key's length.
func TestAuthorityHasAKeyOfAtMost8192Bits(t *testing.T) {
	signer := issue(t, "signer", "", nil)
	for bits, want := range map[uint]error{8192: nil, 8193: postgres.ErrLargeKey, 180 << 13: postgres.ErrLargeKey} {
		modulus := new(big.Int).Lsh(big.NewInt(1), bits-1)
		key := &rsa.PublicKey{N: modulus.SetBit(modulus, 0, 1), E: 65537}
		large, err := x509.ParseCertificate(signed(t, signer, key))
		testworld.Must(t, err)
		ca := pemOf(signer, &issued{Certificate: large})
		for _, mode := range []postgres.TLSMode{postgres.VerifyFull, postgres.Require} {
			if _, err := postgres.ParseConfig("postgres://shop@db/shop", &postgres.TLS{Mode: mode, CA: ca}); !errors.Is(err, want) {
				t.Errorf("%d bits, %s: %v, want %v", bits, mode, err, want)
			}
		}
	}
}

// signed returns a certificate of a public key.
func signed(t *testing.T, by *issued, key any) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, by.Certificate, by.Certificate, key, by.key)
	testworld.Must(t, err)
	return der
}

// A server's certificate may be compared with all authorities of one name.
func TestAtMostFourAuthoritiesHaveOneSubject(t *testing.T) {
	var ours []*issued
	for range 5 {
		ours = append(ours, issue(t, "ours", "", nil))
	}
	parse := func(authorities ...*issued) error {
		_, err := postgres.ParseConfig("postgres://shop@db/shop", &postgres.TLS{Mode: postgres.VerifyFull, CA: pemOf(authorities...)})
		return err
	}
	if err := parse(slices.Repeat(append(ours[:4:4], issue(t, "theirs", "", nil)), 3)...); err != nil {
		t.Errorf("four, each three times: %v", err)
	}
	if err := parse(ours...); !errors.Is(err, postgres.ErrSameSubject) {
		t.Errorf("five: %v", err)
	}
}
