package postgres_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// greeting sends the same to every client, at once or once the client has sent something.
func greeting(words string, once bool) func(io.ReadWriter) error {
	return func(c io.ReadWriter) error {
		if once {
			if _, err := c.Read(make([]byte, 8)); err != nil {
				return err
			}
		}
		_, err := io.WriteString(c, words)
		return errOrWait(err, c)
	}
}

func TestServersOfOtherProtocolsAreUnsupported(t *testing.T) {
	settings := map[string]struct {
		query string
		tls   *postgres.TLS
	}{
		"without TLS":       {"?sslmode=disable", nil},
		"with TLS or not":   {"", nil},
		"with verified TLS": {"", &postgres.TLS{Mode: postgres.VerifyFull}},
	}
	for name, test := range map[string]struct {
		serve func(io.ReadWriter) error
		want  postgres.Class
	}{
		"MySQL": {greeting("\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00\x1f\x3b\x5c\x0a\x7e\x13\x2d\x41\x00\xff\xff\xff\x02\x00\xff\xdf\x15", false),
			postgres.ClassUnsupportedServer},
		"Redis":        {greeting("-ERR unknown command\r\n", true), postgres.ClassUnsupportedServer},
		"a web server": {greeting("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", true), postgres.ClassUnsupportedServer},
		// Its first byte is also the one by which Postgres agrees to speak TLS.
		"SSH":                        {greeting("SSH-2.0-OpenSSH_9.6\r\n", false), postgres.ClassUnsupportedServer},
		"TLS without being asked":    {greeting("\x15\x03\x01\x00\x02\x02\x46", true), postgres.ClassUnsupportedServer},
		"one that says a byte":       {greeting("2", false), postgres.ClassUnsupportedServer},
		"one that closes at once":    {func(io.ReadWriter) error { return nil }, postgres.ClassUnreachable},
		"one that closes after that": {func(c io.ReadWriter) error { _, err := c.Read(make([]byte, 8)); return err }, postgres.ClassUnreachable},
	} {
		for how, with := range settings {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				db, err := postgres.Open(t.Context(), postgres.Config{
					URI: "postgres://shop:s3cr3t@" + listen(t, test.serve) + "/shop" + with.query, TLS: with.tls, Schema: postgres.DefaultSchema,
				})
				if err == nil {
					db.Close()
				}
				if got := postgres.Classify(err); got != test.want {
					t.Errorf("%s: %v", got, err)
				}
				_, unsupported := errors.AsType[*postgres.ErrUnsupportedServer](err)
				message := postgres.Message(err)
				if wants := test.want == postgres.ClassUnsupportedServer; unsupported != wants || strings.Contains(message, "correct host and port") != wants {
					t.Error(message)
				}
			})
		}
	}
}

// A pooler without room says so before it reads the request for TLS.
func TestErrorInPlaceOfAnAnswerAboutTLSIsNoOtherProtocol(t *testing.T) {
	t.Parallel()
	address := listen(t, greeting("E\x00\x00\x00\x2dSFATAL\x00C08P01\x00Mno more connections allowed\x00\x00", true))
	_, err := postgres.Open(t.Context(), postgres.Config{
		URI: "postgres://shop:s3cr3t@" + address + "/shop?sslmode=require", Schema: postgres.DefaultSchema,
	})
	if got := postgres.Classify(err); got == postgres.ClassUnsupportedServer {
		t.Errorf("%s: %v", got, err)
	}
}
