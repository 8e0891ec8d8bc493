package database

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// TLSMode says how much of the server's identity is verified.
type TLSMode string

const (
	VerifyFull TLSMode = "VerifyFull" // encrypted; certificate and host name verified
	Require    TLSMode = "Require"    // encrypted; with a CA the certificate is verified, but never the host name
	Disable    TLSMode = "Disable"    // in the clear
)

// TLS is what is declared beside the URI. It overrides the URI's sslmode.
type TLS struct {
	Mode TLSMode
	CA   []byte // PEM of the authorities to trust; empty: the system's
}

// ErrNoCertificate is returned for a CA that is not PEM.
var ErrNoCertificate = errors.New("the certificate authority has no certificate in PEM form")

// tlsConfigs returns the ways to try on one host, best first; nil is in the
// clear. Without declared the URI's sslmode decides:
//
//	disable                 in the clear
//	absent, allow, prefer   encrypted if the server offers it, nothing verified
//	require                 encrypted, nothing verified
//	verify-ca, verify-full  encrypted, certificate and host name verified with
//	                        the system's authorities: of those, any would vouch
//	                        for a stranger if the name were not looked at
func tlsConfigs(sslMode string, declared *TLS, host string) ([]*tls.Config, error) {
	if declared != nil {
		config, err := declared.config(host)
		return []*tls.Config{config}, err
	}
	mode := Require
	switch sslMode {
	case "disable":
		mode = Disable
	case "verify-ca", "verify-full":
		mode = VerifyFull
	}
	config, err := (&TLS{Mode: mode}).config(host)
	if sslMode == "" || sslMode == "allow" || sslMode == "prefer" {
		return []*tls.Config{config, nil}, err
	}
	return []*tls.Config{config}, err
}

func (t *TLS) config(host string) (*tls.Config, error) {
	if t.Mode == Disable {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if len(t.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(t.CA) {
			return nil, ErrNoCertificate
		}
	}
	switch t.Mode {
	case VerifyFull:
	case Require:
		config.InsecureSkipVerify = true // what the mode says; the chain is looked at below
		if config.RootCAs != nil {
			config.VerifyConnection = verifyChain(config.RootCAs)
		}
	default:
		return nil, errors.New("the TLS mode is none of VerifyFull, Require and Disable")
	}
	return config, nil
}

// verifyChain verifies the certificate without the host name.
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
