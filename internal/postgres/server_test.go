package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"golang.org/x/sync/errgroup"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestServersThatAreNotPostgresAreNamed(t *testing.T) {
	for name, server := range map[string]testworld.Imitation{
		"CockroachDB": testworld.CockroachDB, "Citus": testworld.Citus, "YugabyteDB": testworld.Yugabyte,
		"PostgreSQL 8": testworld.Redshift, "PostgreSQL 13": testworld.OldPostgres, "Materialize": testworld.Materialize,
	} {
		t.Run(name, func(t *testing.T) {
			db, err := postgres.Open(t.Context(), postgres.Config{URI: server.Serve(t), Schema: postgres.DefaultSchema})
			testworld.Must(t, err)
			defer db.Close()
			err = db.CheckServer(t.Context())
			if unsupported, ok := errors.AsType[*postgres.ErrUnsupportedServer](err); !ok || !strings.HasPrefix(unsupported.Product, name) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestPostgresIsSupported(t *testing.T) {
	testworld.Must(t, open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema).CheckServer(t.Context()))
}

func TestDatabaseInAnotherEncodingIsUnsupported(t *testing.T) {
	own := testworld.NewDatabase(t)
	admin, err := pgx.Connect(t.Context(), own.AdminURI)
	testworld.Must(t, err)
	defer admin.Close(context.WithoutCancel(t.Context()))
	latin := own.Name + "_latin"
	_, err = admin.Exec(t.Context(), "CREATE DATABASE "+latin+" OWNER "+own.Operator+" TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
	testworld.Must(t, err)
	defer func() {
		_, err := admin.Exec(context.WithoutCancel(t.Context()), "DROP DATABASE "+latin+" WITH (FORCE)")
		testworld.Must(t, err)
	}()
	db := open(t, strings.Replace(own.URI, own.Server().Address()+"/"+own.Name, own.Server().Address()+"/"+latin, 1), postgres.DefaultSchema)
	if err := db.CheckServer(t.Context()); err == nil || !strings.Contains(err.Error(), "encoded in LATIN1") {
		t.Errorf("%v", err)
	}
}

func TestNameOfAnEncodingIsCleaned(t *testing.T) {
	server := testworld.Imitation{Version: "PostgreSQL 17.0", Encoding: "x\x1b[31m\nKq7cr3t " + strings.Repeat("y", 10_000)}
	uri, err := url.Parse(server.Serve(t))
	testworld.Must(t, err)
	uri.User = url.UserPassword("shop", "Kq7cr3t")
	db, err := postgres.Open(t.Context(), postgres.Config{URI: uri.String(), Schema: postgres.DefaultSchema})
	testworld.Must(t, err)
	defer db.Close()
	unsupported, ok := errors.AsType[*postgres.ErrUnsupportedServer](db.CheckServer(t.Context()))
	if !ok || len(unsupported.Encoding) > 40 || strings.ContainsAny(unsupported.Encoding, "\x1b\n") || strings.Contains(unsupported.Encoding, "Kq7") {
		t.Errorf("%+v", unsupported)
	}
}

// Any number of databases may be connecting at a time.
func TestServersTakeLittleMemoryUntilTheyAreChecked(t *testing.T) {
	long := strings.Repeat("x", 4<<20-100)
	row, err := (&pgproto3.DataRow{Values: [][]byte{[]byte("PostgreSQL 17.0 " + long), {0}, []byte("UTF8")}}).Encode(nil)
	testworld.Must(t, err)
	for name, early := range map[string]bool{"asked whether it accepts writes": true, "asked what it is": false} {
		t.Run(name, func(t *testing.T) {
			uri := uriOf(listen(t, func(c io.ReadWriter) error { return stalling(c, early, row) })) + "&target_session_attrs=read-write"
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var checks errgroup.Group
			grown := testworld.HeapGrowth(func() {
				for range 64 {
					checks.Go(func() error {
						db, err := postgres.Open(ctx, postgres.Config{URI: uri, Schema: postgres.DefaultSchema})
						if err == nil {
							defer db.Close()
							err = db.CheckServer(ctx)
						}
						if err == nil {
							return errors.New("no error")
						}
						if ctx.Err() != nil {
							return fmt.Errorf("the row was read: %w", err)
						}
						return nil
					})
				}
				err = checks.Wait()
			})
			if err != nil {
				t.Error(err)
			}
			if grown > 64<<20 {
				t.Errorf("the heap grew by %d MiB", grown>>20)
			}
		})
	}
}

// stalling answers with a long row, and with another that never ends: at its first question, or when
// it has said that it accepts writes.
func stalling(c io.ReadWriter, early bool, row []byte) error {
	if err := login(c); err != nil {
		return err
	}
	text := pgproto3.FieldDescription{Name: []byte("answer"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1}
	boolean := pgproto3.FieldDescription{Name: []byte("answer"), DataTypeOID: 16, DataTypeSize: 1, TypeModifier: -1, Format: 1}
	backend := pgproto3.NewBackend(c, c)
	for {
		received, err := backend.Receive()
		if err != nil {
			return err
		}
		stall := false
		switch message := received.(type) {
		case *pgproto3.Query:
			backend.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{text}})
			if stall = early; !stall {
				backend.Send(&pgproto3.DataRow{Values: [][]byte{[]byte("f")}})
				backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
				backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			}
		case *pgproto3.Parse:
			backend.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Describe:
			if message.ObjectType == 'S' {
				backend.Send(&pgproto3.ParameterDescription{})
			}
			backend.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{text, boolean, text}})
		case *pgproto3.Bind:
			backend.Send(&pgproto3.BindComplete{})
		case *pgproto3.Execute:
			stall = true
		case *pgproto3.Sync:
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		}
		if err := backend.Flush(); err != nil {
			return err
		}
		if stall {
			go func() {
				if _, err := c.Write(row); err == nil {
					_, _ = c.Write(row[:len(row)-1])
				}
			}()
			_, err := c.Read(make([]byte, 1)) // until the client ends the connection
			return err
		}
	}
}
