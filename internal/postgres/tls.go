package postgres

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
)

// TLSMode is how much of the server's identity is verified.
type TLSMode string

const (
	VerifyFull TLSMode = "VerifyFull" // encrypted; certificate and host name verified
	Require    TLSMode = "Require"    // encrypted; the certificate is verified if a CA is given, the host name never
	Disable    TLSMode = "Disable"    // not encrypted
)

// TLS is declared beside the URI and overrides the URI's sslmode.
type TLS struct {
	Mode TLSMode
	CA   []byte // PEM of the authorities to trust; empty: the system's
}

// authorityBytes bounds a CA, which takes memory and processor time whenever it is read. All the
// authorities that a system trusts have some 220 KiB.
const authorityBytes = 256 << 10

// A server's certificate may be compared with each authority that has the name of its issuer, which
// takes processor time that no context interrupts, and the more the longer the authority's key is.
const (
	authorityKeyBits = 8192 // of RSA; crypto/tls accepts as many from a server
	sameSubject      = 4    // authorities of one name; one that was renewed keeps its name
)

// AuthorityError is why a CA is refused.
type AuthorityError struct{ words string }

func (e *AuthorityError) Error() string { return e.words }

const keepSigning = ": keep only those that sign the server's certificate"

var (
	// ErrNoCertificate means that a CA is not PEM.
	ErrNoCertificate = &AuthorityError{"the certificate authority has no certificate in PEM form"}
	// ErrLargeAuthority means that a CA has more than authorityBytes.
	ErrLargeAuthority = &AuthorityError{fmt.Sprintf("the certificate authorities have more than %d KiB", authorityBytes>>10) + keepSigning}
	// ErrLargeKey means that an authority has a key of more than authorityKeyBits.
	ErrLargeKey = &AuthorityError{fmt.Sprintf("a certificate authority has an RSA key of more than %d bits: remove its certificate, "+
		"or give the authority a shorter key", authorityKeyBits)}
	// ErrSameSubject means that more than sameSubject authorities have one name.
	ErrSameSubject = &AuthorityError{fmt.Sprintf("more than %d different certificate authorities have the same subject", sameSubject) + keepSigning}
)

// roots returns the authorities to trust, for all hosts together; nil: the system's.
func (t *TLS) roots() (*x509.CertPool, error) {
	switch {
	case t == nil || t.Mode == Disable || len(t.CA) == 0:
		return nil, nil
	case len(t.CA) > authorityBytes:
		return nil, ErrLargeAuthority
	}
	roots, subjects := x509.NewCertPool(), make(map[string][]*x509.Certificate)
	for block, rest := pem.Decode(t.CA); block != nil; block, rest = pem.Decode(rest) {
		authority, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			continue // a bundle may have certificates that Go cannot read
		}
		subject := string(authority.RawSubject)
		if slices.ContainsFunc(subjects[subject], authority.Equal) {
			continue
		}
		if key, ok := authority.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > authorityKeyBits {
			return nil, ErrLargeKey
		}
		if len(subjects[subject]) == sameSubject {
			return nil, ErrSameSubject
		}
		subjects[subject] = append(subjects[subject], authority)
		roots.AddCert(authority)
	}
	if len(subjects) == 0 {
		return nil, ErrNoCertificate
	}
	return roots, nil
}

// tlsConfigs returns the configurations to try on one host, best first; nil is not encrypted. roots
// are those of declared.
// Without declared the URI's sslmode decides:
//
//	disable                 not encrypted
//	absent, allow, prefer   encrypted if the server offers it, nothing verified
//	require                 encrypted, nothing verified
//	verify-ca, verify-full  encrypted, certificate and host name verified with the system's
//	                        authorities, each of which certifies any host: so the host name is
//	                        verified for verify-ca too
func tlsConfigs(sslMode string, declared *TLS, roots *x509.CertPool, host string) ([]*tls.Config, error) {
	if declared != nil {
		config, err := declared.config(roots, host)
		return []*tls.Config{config}, err
	}
	mode := Require
	switch sslMode {
	case "disable":
		mode = Disable
	case "verify-ca", "verify-full":
		mode = VerifyFull
	}
	config, err := (&TLS{Mode: mode}).config(nil, host)
	if sslMode == "" || sslMode == "allow" || sslMode == "prefer" {
		return []*tls.Config{config, nil}, err
	}
	return []*tls.Config{config}, err
}

func (t *TLS) config(roots *x509.CertPool, host string) (*tls.Config, error) {
	if t.Mode == Disable {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, RootCAs: roots}
	config.InsecureSkipVerify = true // verifier verifies, at a bounded cost
	switch t.Mode {
	case VerifyFull:
		config.VerifyConnection = verifier(roots, host)
	case Require:
		if roots != nil {
			config.VerifyConnection = verifier(roots, "")
		}
	default:
		return nil, errors.New("the TLS mode must be VerifyFull, Require or Disable")
	}
	return config, nil
}

// verifier returns a function that verifies a server's certificate, and that it is for the host
// unless that is empty. Of the authorities that the server sends only the first of each name
// counts. So there is one way up from the certificate, and each step of it compares a certificate
// with at most one authority that the server sends and sameSubject trusted ones.
func verifier(roots *x509.CertPool, host string) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		options := x509.VerifyOptions{Roots: roots, DNSName: host, Intermediates: x509.NewCertPool()}
		subjects := make(map[string]bool)
		for _, authority := range state.PeerCertificates[1:] {
			if subject := string(authority.RawSubject); !subjects[subject] {
				subjects[subject] = true
				options.Intermediates.AddCert(authority)
			}
		}
		if _, err := state.PeerCertificates[0].Verify(options); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
		}
		return nil
	}
}

// errCertificates means that verifying the certificates of servers costs more processor time than
// they may ask for.
var errCertificates = errors.New("the server sends too many certificates")

// limitCertificates makes a configuration verify certificates while those of all servers of the
// attempt stay within attemptCertificates. A server that exceeds it takes nothing from the next.
func (a *attempt) limitCertificates(config *tls.Config) {
	if config == nil || config.VerifyConnection == nil {
		return
	}
	verify := config.VerifyConnection
	config.VerifyConnection = func(state tls.ConnectionState) error {
		var bytes int64
		for _, certificate := range state.PeerCertificates {
			bytes += max(int64(len(certificate.Raw)), countedCertificate)
		}
		if a.certificates.Add(bytes) > attemptCertificates {
			a.certificates.Add(-bytes)
			return fmt.Errorf("%w: those of all hosts together may have %d KiB, and each counts as %d KiB at least; "+
				"keep in its certificate file only its own and those of the intermediate authorities",
				errCertificates, attemptCertificates>>10, countedCertificate>>10)
		}
		return verify(state)
	}
}
