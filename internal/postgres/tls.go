package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
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

var (
	// ErrNoCertificate means that a CA is not PEM.
	ErrNoCertificate = errors.New("the certificate authority has no certificate in PEM form")
	// ErrLargeAuthority means that a CA has more than authorityBytes.
	ErrLargeAuthority = fmt.Errorf("the certificate authorities have more than %d KiB: keep only those that sign the server's certificate", authorityBytes>>10)
)

// roots returns the authorities to trust, for all hosts together; nil: the system's.
func (t *TLS) roots() (*x509.CertPool, error) {
	switch {
	case t == nil || t.Mode == Disable || len(t.CA) == 0:
		return nil, nil
	case len(t.CA) > authorityBytes:
		return nil, ErrLargeAuthority
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(t.CA) {
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
	switch t.Mode {
	case VerifyFull:
	case Require:
		config.InsecureSkipVerify = true // the mode's meaning; the chain is verified below
		if roots != nil {
			config.VerifyConnection = verifyChain(roots)
		}
	default:
		return nil, errors.New("the TLS mode must be VerifyFull, Require or Disable")
	}
	return config, nil
}

// verifyChain verifies the certificate but not the host name.
func verifyChain(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, certificate := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(certificate)
		}
		_, err := state.PeerCertificates[0].Verify(options)
		return err
	}
}
