package postgres_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// together sends what was written when more is read, or when there is much of it.
type together struct {
	net.Conn
	writer *bufio.Writer
}

func (c *together) Write(bytes []byte) (int, error) { return c.writer.Write(bytes) }

func (c *together) Read(buffer []byte) (int, error) {
	_ = c.writer.Flush()
	return c.Conn.Read(buffer)
}

// listenTLS serves encrypted connections, and returns the URI.
func listenTLS(t *testing.T, serve func(io.ReadWriter) error) string {
	t.Helper()
	certificate := issue(t, "server", "127.0.0.1", nil)
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: certificate.key}}}
	return "postgres://shop:s3cr3t@" + listen(t, func(c io.ReadWriter) error {
		conn := c.(*net.TCPConn)
		if err := conn.SetReadBuffer(4096); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil { // the request for TLS
			return err
		}
		if _, err := conn.Write([]byte("S")); err != nil {
			return err
		}
		return serve(tls.Server(&together{conn, bufio.NewWriterSize(conn, 64<<10)}, config))
	}) + "/shop?sslmode=require"
}

// While a write blocks the driver keeps a buffer for each record that it reads.
func TestServerThatSendsWhileItDoesNotReadCostsBoundedMemory(t *testing.T) {
	uri := listenTLS(t, func(c io.ReadWriter) error {
		if err := login(c); err != nil {
			return err
		}
		backend := pgproto3.NewBackend(c, c)
		for {
			received, err := backend.Receive()
			if err != nil {
				return err
			}
			switch received.(type) {
			case *pgproto3.Query:
				backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("BEGIN")})
				backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'T'})
			case *pgproto3.Parse:
				backend.Send(&pgproto3.ParseComplete{})
			case *pgproto3.Describe:
				backend.Send(&pgproto3.ParameterDescription{ParameterOIDs: []uint32{25}})
				backend.Send(&pgproto3.NoData{})
			case *pgproto3.Sync:
				backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'T'})
				if err := backend.Flush(); err != nil {
					return err
				}
				return manyRecords(c)
			}
			if err := backend.Flush(); err != nil {
				return err
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	db, err := postgres.Open(ctx, postgres.Config{URI: uri, Schema: postgres.DefaultSchema})
	testworld.Must(t, err)
	defer db.Close()
	executing, stop := context.WithTimeout(ctx, 4*time.Second)
	defer stop()
	text := strings.Repeat("y", 8<<20)
	grown := testworld.HeapGrowth(func() { _, err = db.Exec(executing, "SELECT $1", text) })
	if err == nil || !strings.Contains(err.Error(), "the server sends more than is accepted") {
		t.Errorf("error %v", err)
	}
	if grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

// manyRecords sends notices, one byte per record: the driver's buffers of all come to 512 MiB.
func manyRecords(c io.Writer) error {
	notice, err := (&pgproto3.NoticeResponse{Message: strings.Repeat("x", 1000)}).Encode(nil)
	for n := 0; err == nil && n < 64<<10; n++ {
		at := n % len(notice)
		_, err = c.Write(notice[at : at+1])
	}
	time.Sleep(5 * time.Second) // it reads nothing
	return err
}

// The driver binds a login to the TLS connection only if it has that connection itself.
func TestLoginIsBoundToTheTLSConnection(t *testing.T) {
	mechanisms := make(chan string, 1)
	uri := listenTLS(t, func(c io.ReadWriter) error {
		backend := pgproto3.NewBackend(c, c)
		if _, err := backend.ReceiveStartupMessage(); err != nil {
			return err
		}
		backend.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}})
		if err := backend.Flush(); err != nil {
			return err
		}
		if err := backend.SetAuthType(pgproto3.AuthTypeSASL); err != nil {
			return err
		}
		message, err := backend.Receive()
		if err != nil {
			return err
		}
		mechanisms <- message.(*pgproto3.SASLInitialResponse).AuthMechanism
		return nil
	})
	if _, err := postgres.Open(t.Context(), postgres.Config{URI: uri + "&channel_binding=require", Schema: postgres.DefaultSchema}); err == nil {
		t.Error("no error, although the server ends the login")
	}
	select {
	case mechanism := <-mechanisms:
		if mechanism != "SCRAM-SHA-256-PLUS" {
			t.Errorf("login by %s", mechanism)
		}
	default:
		t.Error("no login was attempted")
	}
}

// Each record of TLS takes processor time, however short it is.
func TestServerMayNotSendShortRecordsWithoutEnd(t *testing.T) {
	// Each of the four statements is answered by a notice of so many records.
	for records, accepted := range map[int]bool{100: true, 500: false} {
		uri := listenTLS(t, func(c io.ReadWriter) error {
			return valued(&byRecords{c, records}, pgtype.Int4OID, 1, []byte{0, 0, 0, 1},
				&pgproto3.NoticeResponse{Message: strings.Repeat("x", records)})
		})
		err := open(t, uri, postgres.DefaultSchema).QueryBare(t.Context(), "SELECT 1").Scan(new(int))
		if accepted != (err == nil) || err != nil && !strings.Contains(err.Error(), "more than is accepted") {
			t.Errorf("%d records: %v", records, err)
		}
	}
}

// byRecords sends each byte of a text of this length or longer in a record of its own.
type byRecords struct {
	io.ReadWriter
	long int
}

func (c *byRecords) Write(text []byte) (int, error) {
	if len(text) < c.long {
		return c.ReadWriter.Write(text)
	}
	for n := range text {
		if _, err := c.ReadWriter.Write(text[n : n+1]); err != nil {
			return n, err
		}
	}
	return len(text), nil
}
