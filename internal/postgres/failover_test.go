package postgres_test

import (
	"errors"
	"io"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// eventuallyWrites waits until a transaction that writes commits.
func eventuallyWrites(t *testing.T, db *postgres.DB) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if _, err = db.Exec(t.Context(), "INSERT INTO public.written DEFAULT VALUES"); err == nil {
			return
		}
	}
	t.Fatalf("no write succeeds: %v", err)
}

// noneIsKept waits until the pool has no connection: it drops a closed one in a goroutine. One that
// may be used again stays for longer than this waits.
func noneIsKept(t *testing.T, db *postgres.DB) {
	t.Helper()
	var open int32
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if open = db.Stat().TotalConns(); open == 0 {
			return
		}
	}
	t.Errorf("%d connections are kept", open)
}

func TestWritesGoOnAtThePromotedStandby(t *testing.T) {
	primary, err := testworld.StartPostgres(t.Context(), testworld.PostgresOptions{})
	testworld.Must(t, err)
	t.Cleanup(func() { _ = primary.Stop() })
	standby := primary.NewStandby(t)
	both := twoHosts(t, primary, standby, "")
	db := open(t, both, postgres.DefaultSchema)
	_, err = db.Exec(t.Context(), "CREATE TABLE public.written (n int GENERATED ALWAYS AS IDENTITY)")
	testworld.Must(t, err)
	eventuallyWrites(t, db)

	testworld.Must(t, primary.Halt())
	testworld.Must(t, standby.Promote(t.Context()))
	eventuallyWrites(t, db)
	if address := testworld.Value[string](t, db, "SELECT inet_server_port()::text"); !hasPort(standby, address) {
		t.Errorf("writes go to port %s", address)
	}
}

// A connection that a server keeps open when it becomes a standby must not be used again.
func TestConnectionToAServerThatBecameReadOnlyIsClosed(t *testing.T) {
	primary, err := testworld.StartPostgres(t.Context(), testworld.PostgresOptions{})
	testworld.Must(t, err)
	t.Cleanup(func() { _ = primary.Stop() })
	proxy := testworld.NewProxy(t, primary.Address())
	for _, attributes := range []string{"", "read-write", "primary"} {
		db := open(t, oneHost(t, primary, proxy.Address(), attributes), postgres.DefaultSchema)
		_, err := db.Exec(t.Context(), "SET LOCAL transaction_read_only = on; CREATE TABLE public.refused ()")
		if postgres.Classify(err) != postgres.ClassReadOnly {
			t.Fatalf("got %v", err)
		}
		noneIsKept(t, db)
		testworld.Must(t, db.Ping(t.Context()))
	}
}

func TestConnectionToAServerThatShutsDownIsClosed(t *testing.T) {
	db := open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema)
	for _, code := range []string{"25006", "57P01", "57P02", "57P03"} {
		before := testworld.Value[int](t, db, "SELECT pg_backend_pid()")
		_, err := db.Exec(t.Context(), "DO $$ BEGIN RAISE 'refused' USING ERRCODE = '"+code+"'; END $$")
		if testworld.SQLState(err) != code {
			t.Fatalf("got %v", err)
		}
		noneIsKept(t, db)
		if after := testworld.Value[int](t, db, "SELECT pg_backend_pid()"); after == before {
			t.Errorf("the connection is used again after %s", code)
		}
	}
}

func TestOneHostIsAskedWhetherItAcceptsWrites(t *testing.T) {
	primary, err := testworld.StartPostgres(t.Context(), testworld.PostgresOptions{})
	testworld.Must(t, err)
	t.Cleanup(func() { _ = primary.Stop() })
	standby := primary.NewStandby(t)
	for _, attributes := range []string{"read-write", "primary"} {
		uri := oneHost(t, standby, standby.Address(), attributes)
		_, err := postgres.Open(t.Context(), postgres.Config{URI: uri, Schema: postgres.DefaultSchema})
		if postgres.Classify(err) != postgres.ClassReadOnly {
			t.Errorf("target_session_attrs=%s: %v", attributes, err)
		}
	}
	// Without it the connection succeeds, and a transaction that writes does not.
	db := open(t, oneHost(t, standby, standby.Address(), ""), postgres.DefaultSchema)
	if _, err := db.Exec(t.Context(), "SELECT 1"); postgres.Classify(err) != postgres.ClassReadOnly {
		t.Errorf("got %v", err)
	}
	noneIsKept(t, db)
	testworld.Must(t, standby.Promote(t.Context()))
	_, err = db.Exec(t.Context(), "SELECT 1")
	testworld.Must(t, err)
}

// The driver takes the answer for granted, in a goroutine whose panic would end the process.
func TestServerThatDoesNotSayWhetherItAcceptsWritesIsAnError(t *testing.T) {
	address := listen(t, func(c io.ReadWriter) error {
		if err := login(c); err != nil {
			return err
		}
		backend := pgproto3.NewBackend(c, c)
		for {
			if _, err := backend.Receive(); err != nil {
				return err
			}
			backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 0")})
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			if err := backend.Flush(); err != nil {
				return err
			}
		}
	})
	_, err := postgres.Open(t.Context(), postgres.Config{
		URI:    "postgres://shop:s3cr3t@" + address + "/shop?sslmode=disable&target_session_attrs=read-write",
		Schema: postgres.DefaultSchema,
	})
	if err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}

func oneHost(t *testing.T, server *testworld.Postgres, address, attributes string) string {
	t.Helper()
	uri, err := url.Parse(server.AdminURI)
	testworld.Must(t, err)
	uri.Host = address
	if attributes != "" {
		query := uri.Query()
		query.Set("target_session_attrs", attributes)
		uri.RawQuery = query.Encode()
	}
	return uri.String()
}

func twoHosts(t *testing.T, one, other *testworld.Postgres, attributes string) string {
	t.Helper()
	return oneHost(t, one, one.Address()+","+other.Address(), attributes)
}

func hasPort(server *testworld.Postgres, port string) bool {
	uri, err := url.Parse(server.AdminURI)
	return err == nil && uri.Port() == port
}
