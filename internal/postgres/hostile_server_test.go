package postgres_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// A tenant's database is an untrusted server: whatever it answers becomes an error of its own, in
// bounded time and memory.
func TestHostileServerCostsBoundedMemoryAndTime(t *testing.T) {
	announce := func(kind byte, length uint32) []byte {
		return binary.BigEndian.AppendUint32([]byte{kind}, length)
	}
	for name, serve := range map[string]func(io.ReadWriter) error{
		"random bytes": func(c io.ReadWriter) error {
			for {
				if _, err := io.CopyN(c, rand.Reader, 4096); err != nil {
					return err
				}
			}
		},
		"a message of 900 MB before any login": func(c io.ReadWriter) error {
			_, err := c.Write(announce('R', 900<<20))
			return errOrWait(err, c)
		},
		"a length below zero": func(c io.ReadWriter) error {
			_, err := c.Write(announce('R', 1<<31))
			return errOrWait(err, c)
		},
		"never": func(c io.ReadWriter) error { return errOrWait(nil, c) },
		"endless parameters before a login": func(c io.ReadWriter) error {
			return endless(c, &pgproto3.ParameterStatus{Name: rand.Text(), Value: strings.Repeat("x", 60_000)})
		},
		"an error with a huge field": func(c io.ReadWriter) error {
			return endless(c, &pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: strings.Repeat("x", 3<<20)})
		},
		"endless rows": func(c io.ReadWriter) error {
			return answering(c, &pgproto3.DataRow{Values: [][]byte{make([]byte, 60_000)}})
		},
		"endless rows without a character": func(c io.ReadWriter) error {
			return answering(c, &pgproto3.DataRow{Values: [][]byte{{}}})
		},
		"a row of 900 MB": func(c io.ReadWriter) error {
			if err := login(c); err != nil {
				return err
			}
			_, err := c.Write(announce('D', 900<<20))
			return errOrWait(err, c)
		},
		"endless notices": func(c io.ReadWriter) error {
			return answering(c, &pgproto3.NoticeResponse{Message: strings.Repeat("x", 60_000)})
		},
		"random bytes after the login": func(c io.ReadWriter) error {
			if err := login(c); err != nil {
				return err
			}
			for {
				if _, err := io.CopyN(c, rand.Reader, 4096); err != nil {
					return err
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			address := listen(t, serve)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			err := use(t.Context(), "postgres://shop:s3cr3t@"+address+"/shop?sslmode=disable")
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Error("no error")
			}
			if took > 20*time.Second { // the driver waits 15 s for the end of a connection that it gives up
				t.Errorf("it took %s", took)
			}
			// The heap's growth from the system is a peak: it is not given back within seconds.
			if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 64<<20 {
				t.Errorf("the heap grew by %d MiB", grown>>20)
			}
			if message := postgres.Message(err); len(message) > 1000 {
				t.Errorf("a message of %d bytes", len(message))
			}
		})
	}
}

// use reads everything that the server answers to one query.
func use(ctx context.Context, uri string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	db, err := postgres.Open(ctx, postgres.Config{URI: uri, Schema: postgres.DefaultSchema})
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query(ctx, "SELECT 1")
	if err != nil {
		return err
	}
	var kept [][]byte
	for rows.Next() {
		var value []byte
		if err := rows.Scan(&value); err != nil {
			return err
		}
		kept = append(kept, value)
	}
	runtime.KeepAlive(kept)
	return rows.Err()
}

// listen serves every connection until the test ends, and returns the address.
func listen(t *testing.T, serve func(io.ReadWriter) error) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	testworld.Must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_ = serve(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// errOrWait returns err, or reads until the client is gone.
func errOrWait(err error, c io.Reader) error {
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, c)
	return err
}

func endless(c io.Writer, message pgproto3.BackendMessage) error {
	text, err := message.Encode(nil)
	text = bytes.Repeat(text, 1+(64<<10)/len(text)) // short messages are as fast as long ones
	for err == nil {
		_, err = c.Write(text)
	}
	return err
}

// login lets any user in. A request to cancel a statement ends with an error, as connections do
// that request it.
func login(c io.ReadWriter) error {
	backend := pgproto3.NewBackend(c, c)
	message, err := backend.ReceiveStartupMessage()
	if err != nil {
		return err
	}
	if _, ok := message.(*pgproto3.CancelRequest); ok {
		return io.EOF
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	return backend.Flush()
}

// answering lets any user in, begins transactions, describes every statement as one bytea in binary
// format, and answers its execution with messages without end.
func answering(c io.ReadWriter, message pgproto3.BackendMessage) error {
	if err := login(c); err != nil {
		return err
	}
	backend, status := pgproto3.NewBackend(c, c), byte('I')
	for {
		received, err := backend.Receive()
		if err != nil {
			return err
		}
		switch received.(type) {
		case *pgproto3.Query: // a ping, or the beginning of a transaction
			status = 'T'
			backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("BEGIN")})
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: status})
		case *pgproto3.Parse:
			backend.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Describe:
			backend.Send(&pgproto3.ParameterDescription{})
			backend.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("value"), DataTypeOID: 17, DataTypeSize: -1, TypeModifier: -1, Format: 1}}})
		case *pgproto3.Bind:
			backend.Send(&pgproto3.BindComplete{})
		case *pgproto3.Execute:
			if err := backend.Flush(); err != nil {
				return err
			}
			return endless(c, message)
		case *pgproto3.Sync:
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: status})
		}
		if err := backend.Flush(); err != nil {
			return err
		}
	}
}
