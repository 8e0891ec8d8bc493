package postgres_test

import (
	"bytes"
	"errors"
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
