package testworld

import (
	"cmp"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Imitation is a server that speaks the protocol of Postgres and is none, as recorded from real
// ones.
type Imitation struct {
	Parameters map[string]string // sent after the login
	Version    string            // its answer to version(); empty: it refuses every statement
	Encoding   string            // of its database; empty: UTF8
	Citus      bool              // the extension is installed
}

// Recorded answers.
var (
	CockroachDB = Imitation{Parameters: map[string]string{"server_version": "13.0.0", "crdb_version": "CockroachDB CCL v23.2.4 (x86_64-pc-linux-gnu, built 2024/04/08 21:53:04, go1.21.8 X:nocoverageredesign)"}}
	Citus       = Imitation{Parameters: map[string]string{"server_version": "16.2 (Debian 16.2-1.pgdg120+2)"}, Citus: true, Version: "PostgreSQL 16.2 (Debian 16.2-1.pgdg120+2) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14) 12.2.0, 64-bit"}
	Yugabyte    = Imitation{Parameters: map[string]string{"server_version": "15.2-YB-2.25.0.0-b0"}, Version: "PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64-pc-linux-gnu, compiled by clang version 17.0.6, 64-bit"}
	Redshift    = Imitation{Parameters: map[string]string{"server_version": "8.0.2"}}
	OldPostgres = Imitation{Parameters: map[string]string{"server_version": "13.14 (Debian 13.14-1.pgdg120+2)"}, Version: "PostgreSQL 13.14 (Debian 13.14-1.pgdg120+2) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14) 12.2.0, 64-bit"}
	Materialize = Imitation{Parameters: map[string]string{"server_version": "15.0.0"}, Version: "PostgreSQL 15.0.0 on x86_64-unknown-linux-gnu (Materialize v0.138.0)"}
)

// Serve serves every connection until the test ends, and returns a URI.
func (s Imitation) Serve(t testing.TB) string {
	t.Helper()
	return serve(t, s.answer)
}

// serve has a function serve every connection until the test ends, and returns a URI.
func serve(t testing.TB, answer func(net.Conn) error) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_ = answer(conn)
			}()
		}
	}()
	return "postgres://shop:s3cr3t@" + listener.Addr().String() + "/shop?sslmode=disable"
}

func (s Imitation) answer(conn net.Conn) error {
	backend := pgproto3.NewBackend(conn, conn)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return err
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	for name, value := range s.Parameters {
		backend.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	backend.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for {
		if err := backend.Flush(); err != nil {
			return err
		}
		message, err := backend.Receive()
		if err != nil {
			return err
		}
		s.respond(backend, message)
	}
}

// respond answers one message: a ping with success, and every statement as if it were the question
// what the server is.
func (s Imitation) respond(backend *pgproto3.Backend, message pgproto3.FrontendMessage) {
	switch message.(type) {
	case *pgproto3.Query:
		backend.Send(&pgproto3.EmptyQueryResponse{})
		backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	case *pgproto3.Parse:
		if s.Version == "" {
			backend.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "42601", Message: "at or near \"operator\": syntax error"})
			return
		}
		backend.Send(&pgproto3.ParseComplete{})
	case *pgproto3.Describe:
		if s.Version == "" {
			return
		}
		backend.Send(&pgproto3.ParameterDescription{})
		backend.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{
			{Name: []byte("version"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1},
			{Name: []byte("exists"), DataTypeOID: 16, DataTypeSize: 1, TypeModifier: -1, Format: 1},
			{Name: []byte("current_setting"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1},
		}})
	case *pgproto3.Bind:
		backend.Send(&pgproto3.BindComplete{})
	case *pgproto3.Execute:
		citus := byte(0)
		if s.Citus {
			citus = 1
		}
		backend.Send(&pgproto3.DataRow{Values: [][]byte{[]byte(s.Version), {citus}, []byte(cmp.Or(s.Encoding, "UTF8"))}})
		backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
	case *pgproto3.Sync:
		backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	}
}
