package postgres_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestOpenReportsTheCause(t *testing.T) {
	own := testworld.NewDatabase(t)
	const secret = "s3cr3t"
	edit := func(change func(*url.URL)) string {
		uri, err := url.Parse(own.URI)
		testworld.Must(t, err)
		change(uri)
		return uri.String()
	}
	for name, test := range map[string]struct {
		uri  string
		want postgres.Class
		says []string
	}{
		"wrong password": {
			edit(func(u *url.URL) { u.User = url.UserPassword(own.Operator, secret) }),
			postgres.ClassAuthenticationFailed, []string{`password authentication failed for user "…"`, "28P01", "correct them"},
		},
		"unknown user": {
			edit(func(u *url.URL) { u.User = url.UserPassword("absent", secret) }),
			postgres.ClassAuthenticationFailed, []string{`password authentication failed for user "…"`, "28P01", "correct them"},
		},
		"unknown database": {
			edit(func(u *url.URL) { u.Path = "/elsewhere" }),
			postgres.ClassDatabaseNotFound, []string{`database "…" does not exist`, "3D000", "create it"},
		},
		"no process listens": {
			edit(func(u *url.URL) { u.Host = freeAddress(t) }),
			postgres.ClassUnreachable, []string{"cannot be reached", "refused"},
		},
		"the name does not resolve": {
			edit(func(u *url.URL) { u.Host = "db.invalid" }),
			postgres.ClassUnreachable, []string{"cannot be reached", "db.invalid"},
		},
		"one of two hosts is away, the other refuses": {
			edit(func(u *url.URL) { u.Host = freeAddress(t) + "," + u.Host; u.User = url.UserPassword("absent", secret) }),
			postgres.ClassAuthenticationFailed, []string{"connection refused", `password authentication failed for user "…"`, "28P01"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := postgres.Open(t.Context(), postgres.Config{URI: test.uri, Schema: postgres.DefaultSchema})
			if got := postgres.Classify(err); got != test.want {
				t.Errorf("%v is %s, want %s", err, got, test.want)
			}
			message := postgres.Message(err)
			for _, part := range test.says {
				if !strings.Contains(message, part) {
					t.Errorf("%q does not say %q", message, part)
				}
			}
			password, _ := mustParse(t, own.URI).User.Password()
			tried := mustParse(t, test.uri)
			for _, hidden := range []string{secret, password, tried.User.Username(), strings.TrimPrefix(tried.Path, "/"), "postgres://", "\n"} {
				if strings.Contains(message, hidden) {
					t.Errorf("%q contains %q", message, hidden)
				}
			}
		})
	}
}

func mustParse(t testing.TB, uri string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(uri)
	testworld.Must(t, err)
	return parsed
}

// freeAddress returns an address on which no process listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := testworld.FreeAddress()
	testworld.Must(t, err)
	return address
}

func TestTheSecondHostIsUsedIfTheFirstIsAway(t *testing.T) {
	own := testworld.NewDatabase(t)
	uri := mustParse(t, own.URI)
	uri.Host = freeAddress(t) + "," + uri.Host
	open(t, uri.String(), postgres.DefaultSchema)
}

func TestAReadOnlyServerIsNotThePrimary(t *testing.T) {
	own := testworld.NewDatabase(t)
	admin := testworld.Pool(t, own.AdminURI)
	testworld.Exec(t, admin, "ALTER DATABASE "+own.Name+" SET default_transaction_read_only = on")
	for _, attributes := range []string{"read-write", "primary"} {
		uri := mustParse(t, own.URI)
		uri.RawQuery += "&target_session_attrs=" + attributes
		_, err := postgres.Open(t.Context(), postgres.Config{URI: uri.String(), Schema: postgres.DefaultSchema})
		if got := postgres.Classify(err); got != postgres.ClassReadOnly || !strings.Contains(err.Error(), "the server accepts no writes: it is a standby or read-only") {
			t.Errorf("target_session_attrs=%s: %v is %s", attributes, err, got)
		}
	}
	// A URI that does not ask for it is not concerned by defaults.
	uri := mustParse(t, own.URI)
	uri.Host = freeAddress(t) + "," + uri.Host
	testworld.Exec(t, open(t, uri.String(), postgres.DefaultSchema), "CREATE TEMPORARY TABLE written ()")
	testworld.Exec(t, open(t, own.URI, postgres.DefaultSchema), "CREATE TEMPORARY TABLE written ()")
}

// swallow listens, accepts and answers nothing.
func swallow(t testing.TB) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	testworld.Must(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	return listener.Addr().String()
}

func TestASilentServerIsUnreachable(t *testing.T) {
	for _, mode := range []string{"disable", "require", "prefer"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			uri := "postgres://shop:pw@" + swallow(t) + "/app?connect_timeout=1&sslmode=" + mode
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := postgres.Open(ctx, postgres.Config{URI: uri, Schema: postgres.DefaultSchema})
			if ctx.Err() != nil {
				t.Fatal("Open waited for the caller's deadline")
			}
			if got := postgres.Classify(err); got != postgres.ClassUnreachable {
				t.Errorf("%v is %s", err, got)
			}
		})
	}
}

func TestConnectionsNeedNoSession(t *testing.T) {
	own := testworld.NewDatabase(t)
	db := open(t, own.URI, postgres.DefaultSchema)
	for range 3 {
		testworld.Value[int](t, db, "SELECT $1::int + 1", 1)
	}
	if n := testworld.Value[int](t, db, "SELECT count(*)::int FROM pg_prepared_statements"); n != 0 {
		t.Errorf("%d prepared statements", n)
	}
	if got := testworld.Value[string](t, db, "SELECT current_setting('application_name')"); got != "referral-operator" {
		t.Errorf("application_name is %q", got)
	}
}

func TestPurposeIsPartOfTheApplicationNameUntilTheTransactionEnds(t *testing.T) {
	own := testworld.NewDatabase(t)
	db := open(t, own.URI, postgres.DefaultSchema)
	const id = "6f1c1d52-1111-4222-8333-444455556666"
	var name string
	row := db.QueryRow(postgres.WithPurpose(t.Context(), id), "SELECT current_setting('application_name')")
	if err := row.Scan(&name); err != nil {
		t.Fatal(err)
	}
	if name != "referral-operator "+id {
		t.Errorf("application_name is %q", name)
	}
	if got := testworld.Value[string](t, db, "SELECT current_setting('application_name')"); got != "referral-operator" {
		t.Errorf("afterwards application_name is %q", got)
	}
}

func TestALostConnectionIsReplaced(t *testing.T) {
	own := testworld.NewDatabase(t)
	db := open(t, own.URI, postgres.DefaultSchema)
	admin := testworld.Pool(t, own.AdminURI)
	kill := func() {
		testworld.Exec(t, admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", own.Operator)
	}
	tx, err := db.Begin(t.Context())
	testworld.Must(t, err)
	kill()
	_, err = tx.Exec(t.Context(), "SELECT 1")
	_ = tx.Rollback(t.Context())
	if !postgres.Retryable(err) || postgres.Classify(err) != postgres.ClassUnreachable {
		t.Errorf("%v is %s", err, postgres.Classify(err))
	}
	if got := testworld.Value[int](t, db, "SELECT 1"); got != 1 {
		t.Error(got)
	}
}

func TestAClosedPoolIsUnreachable(t *testing.T) {
	db := open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema)
	db.Close()
	_, err := db.Exec(t.Context(), "SELECT 1")
	if got := postgres.Classify(err); got != postgres.ClassUnreachable {
		t.Errorf("%v is %s", err, got)
	}
}

func TestTLS(t *testing.T) {
	trusted, err := testworld.NewAuthority("trusted")
	testworld.Must(t, err)
	stranger, err := testworld.NewAuthority("stranger")
	testworld.Must(t, err)
	pair, err := trusted.Server("127.0.0.1")
	testworld.Must(t, err)
	elsewhere, err := trusted.Server("elsewhere.example")
	testworld.Must(t, err)
	server := testworld.NewPostgres(t, testworld.PostgresOptions{Certificate: &pair})
	misnamed := testworld.NewPostgres(t, testworld.PostgresOptions{Certificate: &elsewhere})
	plain := testworld.NewPostgres(t, testworld.PostgresOptions{})

	const accepted = postgres.Class("")
	declared := func(mode postgres.TLSMode, ca []byte) *postgres.TLS { return &postgres.TLS{Mode: mode, CA: ca} }
	for name, test := range map[string]struct {
		server  *testworld.Postgres
		sslMode string
		tls     *postgres.TLS
		want    postgres.Class
	}{
		"VerifyFull with the right authority":              {server, "", declared(postgres.VerifyFull, trusted.PEM()), accepted},
		"VerifyFull with another authority":                {server, "", declared(postgres.VerifyFull, stranger.PEM()), postgres.ClassCertificateNotTrusted},
		"VerifyFull with the system's authorities":         {server, "", declared(postgres.VerifyFull, nil), postgres.ClassCertificateNotTrusted},
		"VerifyFull and a certificate for another host":    {misnamed, "", declared(postgres.VerifyFull, trusted.PEM()), postgres.ClassCertificateNotTrusted},
		"VerifyFull and a server without TLS":              {plain, "", declared(postgres.VerifyFull, trusted.PEM()), postgres.ClassCertificateNotTrusted},
		"VerifyFull is above sslmode=disable":              {server, "disable", declared(postgres.VerifyFull, stranger.PEM()), postgres.ClassCertificateNotTrusted},
		"Require looks at no certificate":                  {misnamed, "", declared(postgres.Require, nil), accepted},
		"Require with an authority looks at no host":       {misnamed, "", declared(postgres.Require, trusted.PEM()), accepted},
		"Require with another authority":                   {server, "", declared(postgres.Require, stranger.PEM()), postgres.ClassCertificateNotTrusted},
		"Require and a server without TLS":                 {plain, "", declared(postgres.Require, nil), postgres.ClassCertificateNotTrusted},
		"Disable and a server that insists":                {server, "", declared(postgres.Disable, nil), postgres.ClassAuthenticationFailed},
		"Disable is above sslmode=require":                 {plain, "require", declared(postgres.Disable, nil), accepted},
		"without sslmode, TLS if the server offers it":     {server, "", nil, accepted},
		"without sslmode, in the clear if it does not":     {plain, "", nil, accepted},
		"sslmode=prefer, TLS if the server offers it":      {server, "prefer", nil, accepted},
		"sslmode=require looks at no certificate":          {misnamed, "require", nil, accepted},
		"sslmode=require and a server without TLS":         {plain, "require", nil, postgres.ClassCertificateNotTrusted},
		"sslmode=verify-ca verifies":                       {server, "verify-ca", nil, postgres.ClassCertificateNotTrusted},
		"sslmode=verify-full verifies":                     {server, "verify-full", nil, postgres.ClassCertificateNotTrusted},
		"sslmode=disable and a server that insists on TLS": {server, "disable", nil, postgres.ClassAuthenticationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			uri := mustParse(t, test.server.AdminURI)
			uri.RawQuery = ""
			if test.sslMode != "" {
				uri.RawQuery = "sslmode=" + test.sslMode
			}
			db, err := postgres.Open(t.Context(), postgres.Config{URI: uri.String(), TLS: test.tls, Schema: postgres.DefaultSchema})
			if test.want == accepted {
				testworld.Must(t, err)
				encrypted := testworld.Value[bool](t, db, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
				if encrypted != (test.server != plain) {
					t.Errorf("encrypted: %t", encrypted)
				}
				db.Close()
				return
			}
			if got := postgres.Classify(err); got != test.want {
				t.Errorf("%v is %s, want %s", err, got, test.want)
			}
		})
	}
	_, err = postgres.ParseConfig("postgres://u:p@h/d", declared(postgres.VerifyFull, []byte("no PEM")))
	if err == nil || !strings.Contains(postgres.Message(err), "PEM") {
		t.Errorf("an authority that is no PEM: %v", err)
	}
}

func TestClassesOfSQLSTATEs(t *testing.T) {
	for state, want := range map[string]postgres.Class{
		"08006": postgres.ClassUnreachable, "57P01": postgres.ClassUnreachable, "57P03": postgres.ClassUnreachable, "53300": postgres.ClassUnreachable,
		"28P01": postgres.ClassAuthenticationFailed, "28000": postgres.ClassAuthenticationFailed,
		"42501": postgres.ClassPermissionDenied, "3D000": postgres.ClassDatabaseNotFound, "25006": postgres.ClassReadOnly,
		"40001": postgres.ClassRetryable, "40P01": postgres.ClassRetryable, "55P03": postgres.ClassRetryable, "57014": postgres.ClassRetryable,
		"25P03": postgres.ClassRetryable, "53100": postgres.ClassRetryable, "58030": postgres.ClassRetryable,
		"22003": postgres.ClassData, "23505": postgres.ClassData, "54000": postgres.ClassData,
		"42P01": postgres.ClassMissingObject, "3F000": postgres.ClassMissingObject,
		"XX000": postgres.ClassUnknown, "42601": postgres.ClassUnknown, "": postgres.ClassUnknown,
	} {
		err := error(&pgconn.PgError{Code: state})
		if got := postgres.Classify(err); got != want {
			t.Errorf("%s is %s, want %s", state, got, want)
		}
		retryable := want == postgres.ClassRetryable || want == postgres.ClassUnreachable
		if postgres.Retryable(err) != retryable || postgres.Data(err) != (want == postgres.ClassData) {
			t.Errorf("%s: retryable %t, data %t", state, postgres.Retryable(err), postgres.Data(err))
		}
	}
	if got := postgres.Classify(context.DeadlineExceeded); got != postgres.ClassUnreachable {
		t.Errorf("a deadline is %s", got)
	}
	if got := postgres.Classify(context.Canceled); got != postgres.ClassUnknown {
		t.Errorf("giving up oneself is %s", got)
	}
	if postgres.Classify(nil) != postgres.ClassUnknown || postgres.Message(nil) != "" {
		t.Error("nil is something")
	}
}
