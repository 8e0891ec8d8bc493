package postgres_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// issued is a certificate with its key.
type issued struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// issue makes a certificate of a server at this host, or of an authority if there is no host. It is
// signed by an authority, or by itself if by is nil.
func issue(t *testing.T, subject, host string, by *issued) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	testworld.Must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: subject}, NotAfter: time.Now().Add(time.Hour),
		IsCA: host == "", BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else if host != "" {
		template.DNSNames = []string{host}
	}
	made := &issued{template, key}
	if by == nil {
		by = made
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.key)
	testworld.Must(t, err)
	made.Certificate, err = x509.ParseCertificate(der)
	testworld.Must(t, err)
	return made
}

func pemOf(authorities ...*issued) []byte {
	var text []byte
	for _, authority := range authorities {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw})...)
	}
	return text
}

// listenAs serves encrypted connections with the first of these certificates, sends all of them,
// and returns the address.
func listenAs(t *testing.T, certificates []*issued, serve func(io.ReadWriter) error) string {
	t.Helper()
	own := tls.Certificate{PrivateKey: certificates[0].key}
	for _, certificate := range certificates {
		own.Certificate = append(own.Certificate, certificate.Raw)
	}
	return listen(t, func(c io.ReadWriter) error {
		conn := c.(*net.TCPConn)
		if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil { // the request for TLS
			return err
		}
		if _, err := conn.Write([]byte("S")); err != nil {
			return err
		}
		return serve(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{own}}))
	})
}

// connect pings a server that has one of these addresses.
func connect(t *testing.T, mode postgres.TLSMode, root *issued, addresses ...string) error {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{
		URI: "postgres://shop:s3cr3t@" + strings.Join(addresses, ",") + "/shop?target_session_attrs=any",
		TLS: &postgres.TLS{Mode: mode, CA: pemOf(root)}, Schema: postgres.DefaultSchema,
	})
	if err == nil {
		db.Close()
	}
	return err
}

func anyLogin(c io.ReadWriter) error { return answeringPings(c, 0, nil) }

func TestChainOfCertificatesIsVerified(t *testing.T) {
	const accepted = postgres.Class("")
	root := issue(t, "root", "", nil)
	first := issue(t, "first", "", root)
	second := issue(t, "second", "", first)
	namesake := issue(t, "second", "", first)
	server := issue(t, "server", "127.0.0.1", second)
	elsewhere := issue(t, "server", "elsewhere.example", second)
	for name, test := range map[string]struct {
		sent          []*issued
		full, require postgres.Class
	}{
		"in order":                   {[]*issued{server, second, first}, accepted, accepted},
		"with the root":              {[]*issued{server, second, first, root}, accepted, accepted},
		"in another order and twice": {[]*issued{server, first, server, second, first, second}, accepted, accepted},
		"for another host":           {[]*issued{elsewhere, second, first}, postgres.ClassCertificateNotTrusted, accepted},
		"without one between":        {[]*issued{server, second}, postgres.ClassCertificateNotTrusted, postgres.ClassCertificateNotTrusted},
		"another of that name first": {[]*issued{server, namesake, second, first}, postgres.ClassCertificateNotTrusted, postgres.ClassCertificateNotTrusted},
	} {
		t.Run(name, func(t *testing.T) {
			address := listenAs(t, test.sent, anyLogin)
			for mode, want := range map[postgres.TLSMode]postgres.Class{postgres.VerifyFull: test.full, postgres.Require: test.require} {
				if err := connect(t, mode, root, address); err != nil && postgres.Classify(err) != want || err == nil && want != accepted {
					t.Errorf("%s: %v, want %q", mode, err, want)
				}
			}
		})
	}
}

// Each signature in a chain takes processor time that no context interrupts.
func TestServerMayNotSendCertificatesWithoutEnd(t *testing.T) {
	root := issue(t, "root", "", nil)
	server := issue(t, "server", "127.0.0.1", root)
	sent := []*issued{server}
	for range 100 {
		sent = append(sent, issue(t, "root", "", root))
	}
	hostile, honest := listenAs(t, sent, anyLogin), listenAs(t, []*issued{server}, anyLogin)
	for _, mode := range []postgres.TLSMode{postgres.VerifyFull, postgres.Require} {
		err := connect(t, mode, root, hostile)
		if postgres.Classify(err) != postgres.ClassUnreachable || !strings.Contains(postgres.Message(err), "sends too many certificates") {
			t.Errorf("%s: %v", mode, err)
		}
		if err := connect(t, mode, root, hostile, honest); err != nil {
			t.Errorf("%s: the next host: %v", mode, err)
		}
	}
}

// An attempt to connect tries each address of each host.
func TestServersOfOneAttemptMaySendOnlySoManyCertificates(t *testing.T) {
	const hosts, each = 8, 15 // which count as 30 KiB
	root := issue(t, "root", "", nil)
	sent := []*issued{issue(t, "server", "127.0.0.1", root)}
	for n := range each - 1 {
		sent = append(sent, issue(t, fmt.Sprint("needless ", n), "", root))
	}
	verified := make(chan bool, hosts)
	address := listenAs(t, sent, func(c io.ReadWriter) error {
		backend := pgproto3.NewBackend(c, c)
		if _, err := backend.ReceiveStartupMessage(); err != nil {
			return err
		}
		verified <- true
		backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "57P03", Message: "starting up"})
		return backend.Flush()
	})
	err := connect(t, postgres.VerifyFull, root, slices.Repeat([]string{address}, hosts)...)
	if err == nil || !strings.Contains(err.Error(), "sends too many certificates: those of all hosts together") {
		t.Errorf("error %v", err)
	}
	if got := len(verified); got != 4 {
		t.Errorf("the certificates of %d servers were verified", got)
	}
}
