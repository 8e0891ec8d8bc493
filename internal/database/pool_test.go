package database_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestOpenSaysWhyItCannot(t *testing.T) {
	own := testworld.NewDatabase(t)
	const secret = "s3cr3t"
	edit := func(change func(*url.URL)) string {
		uri, err := url.Parse(own.URI)
		check(t, err)
		change(uri)
		return uri.String()
	}
	for name, test := range map[string]struct {
		uri  string
		want database.Class
		says []string
	}{
		"wrong password": {
			edit(func(u *url.URL) { u.User = url.UserPassword(own.Operator, secret) }),
			database.ClassAuthenticationFailed, []string{own.Operator, "correct them"},
		},
		"unknown user": {
			edit(func(u *url.URL) { u.User = url.UserPassword("nobody", secret) }),
			database.ClassAuthenticationFailed, []string{"nobody", "correct them"},
		},
		"unknown database": {
			edit(func(u *url.URL) { u.Path = "/elsewhere" }),
			database.ClassDatabaseNotFound, []string{"elsewhere", "create it"},
		},
		"nobody listens": {
			edit(func(u *url.URL) { u.Host = freeAddress(t) }),
			database.ClassUnreachable, []string{"cannot be reached", "refused"},
		},
		"the name does not resolve": {
			edit(func(u *url.URL) { u.Host = "db.invalid" }),
			database.ClassUnreachable, []string{"cannot be reached", "db.invalid"},
		},
		"one of two hosts is away, the other refuses": {
			edit(func(u *url.URL) { u.Host = freeAddress(t) + "," + u.Host; u.User = url.UserPassword("nobody", secret) }),
			database.ClassAuthenticationFailed, []string{"nobody"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := database.Open(t.Context(), database.Config{URI: test.uri, Schema: database.DefaultSchema})
			if got := database.Classify(err); got != test.want {
				t.Errorf("%v is %s, want %s", err, got, test.want)
			}
			message := database.Message(err)
			for _, part := range test.says {
				if !strings.Contains(message, part) {
					t.Errorf("%q does not say %q", message, part)
				}
			}
			password, _ := mustParse(t, own.URI).User.Password()
			for _, hidden := range []string{secret, password, "postgres://", "\n"} {
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
	check(t, err)
	return parsed
}

// freeAddress is one where nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func TestASecondHostTakesOver(t *testing.T) {
	own := testworld.NewDatabase(t)
	uri := mustParse(t, own.URI)
	uri.Host = freeAddress(t) + "," + uri.Host
	open(t, uri.String(), database.DefaultSchema)
}

func TestAReadOnlyServerIsNotThePrimary(t *testing.T) {
	own := testworld.NewDatabase(t)
	admin := plainPool(t, own.AdminURI)
	run(t, admin, "ALTER DATABASE "+own.Name+" SET default_transaction_read_only = on")
	uri := mustParse(t, own.URI)
	uri.RawQuery += "&target_session_attrs=read-write"
	_, err := database.Open(t.Context(), database.Config{URI: uri.String(), Schema: database.DefaultSchema})
	if got := database.Classify(err); got != database.ClassReadOnly {
		t.Errorf("%v is %s", err, got)
	}
}

// swallow listens, accepts and answers nothing.
func swallow(t testing.TB) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
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

func TestAServerThatSwallowsPacketsIsNoticed(t *testing.T) {
	for _, mode := range []string{"disable", "require", "prefer"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			uri := "postgres://shop:pw@" + swallow(t) + "/app?connect_timeout=1&sslmode=" + mode
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := database.Open(ctx, database.Config{URI: uri, Schema: database.DefaultSchema})
			if ctx.Err() != nil {
				t.Fatal("Open waited for the caller's deadline")
			}
			if got := database.Classify(err); got != database.ClassUnreachable {
				t.Errorf("%v is %s", err, got)
			}
		})
	}
}

func TestConnectionsNeedNoSession(t *testing.T) {
	own := testworld.NewDatabase(t)
	db := open(t, own.URI, database.DefaultSchema)
	for range 3 {
		value[int](t, db, "SELECT $1::int + 1", 1)
	}
	if n := value[int](t, db, "SELECT count(*)::int FROM pg_prepared_statements"); n != 0 {
		t.Errorf("%d prepared statements", n)
	}
	if got := value[string](t, db, "SELECT current_setting('application_name')"); got != "referral-operator" {
		t.Errorf("application_name is %q", got)
	}
}

func TestALostConnectionIsReplaced(t *testing.T) {
	own := testworld.NewDatabase(t)
	db := open(t, own.URI, database.DefaultSchema)
	admin := plainPool(t, own.AdminURI)
	kill := func() {
		run(t, admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", own.Operator)
	}
	tx, err := db.Begin(t.Context())
	check(t, err)
	kill()
	_, err = tx.Exec(t.Context(), "SELECT 1")
	_ = tx.Rollback(t.Context())
	if !database.Retryable(err) || database.Classify(err) != database.ClassUnreachable {
		t.Errorf("%v is %s", err, database.Classify(err))
	}
	if got := value[int](t, db, "SELECT 1"); got != 1 {
		t.Error(got)
	}
}

func TestAClosedPoolIsUnreachable(t *testing.T) {
	db := open(t, testworld.NewDatabase(t).URI, database.DefaultSchema)
	db.Close()
	_, err := db.Exec(t.Context(), "SELECT 1")
	if got := database.Classify(err); got != database.ClassUnreachable {
		t.Errorf("%v is %s", err, got)
	}
}

func TestTLS(t *testing.T) {
	trusted, err := testworld.NewAuthority("trusted")
	check(t, err)
	stranger, err := testworld.NewAuthority("stranger")
	check(t, err)
	pair, err := trusted.Server("127.0.0.1")
	check(t, err)
	elsewhere, err := trusted.Server("elsewhere.example")
	check(t, err)
	server := testworld.NewPostgres(t, testworld.PostgresOptions{Certificate: &pair})
	misnamed := testworld.NewPostgres(t, testworld.PostgresOptions{Certificate: &elsewhere})
	plain := testworld.NewPostgres(t, testworld.PostgresOptions{})

	const accepted = database.Class("")
	declared := func(mode database.TLSMode, ca []byte) *database.TLS { return &database.TLS{Mode: mode, CA: ca} }
	for name, test := range map[string]struct {
		server  *testworld.Postgres
		sslMode string
		tls     *database.TLS
		want    database.Class
	}{
		"VerifyFull with the right authority":              {server, "", declared(database.VerifyFull, trusted.PEM()), accepted},
		"VerifyFull with another authority":                {server, "", declared(database.VerifyFull, stranger.PEM()), database.ClassCertificateNotTrusted},
		"VerifyFull with the system's authorities":         {server, "", declared(database.VerifyFull, nil), database.ClassCertificateNotTrusted},
		"VerifyFull and a certificate for another host":    {misnamed, "", declared(database.VerifyFull, trusted.PEM()), database.ClassCertificateNotTrusted},
		"VerifyFull and a server without TLS":              {plain, "", declared(database.VerifyFull, trusted.PEM()), database.ClassCertificateNotTrusted},
		"VerifyFull is above sslmode=disable":              {server, "disable", declared(database.VerifyFull, stranger.PEM()), database.ClassCertificateNotTrusted},
		"Require looks at no certificate":                  {misnamed, "", declared(database.Require, nil), accepted},
		"Require with an authority looks at no host":       {misnamed, "", declared(database.Require, trusted.PEM()), accepted},
		"Require with another authority":                   {server, "", declared(database.Require, stranger.PEM()), database.ClassCertificateNotTrusted},
		"Require and a server without TLS":                 {plain, "", declared(database.Require, nil), database.ClassCertificateNotTrusted},
		"Disable and a server that insists":                {server, "", declared(database.Disable, nil), database.ClassAuthenticationFailed},
		"Disable is above sslmode=require":                 {plain, "require", declared(database.Disable, nil), accepted},
		"without sslmode, TLS if the server offers it":     {server, "", nil, accepted},
		"without sslmode, in the clear if it does not":     {plain, "", nil, accepted},
		"sslmode=prefer, TLS if the server offers it":      {server, "prefer", nil, accepted},
		"sslmode=require looks at no certificate":          {misnamed, "require", nil, accepted},
		"sslmode=require and a server without TLS":         {plain, "require", nil, database.ClassCertificateNotTrusted},
		"sslmode=verify-ca verifies":                       {server, "verify-ca", nil, database.ClassCertificateNotTrusted},
		"sslmode=verify-full verifies":                     {server, "verify-full", nil, database.ClassCertificateNotTrusted},
		"sslmode=disable and a server that insists on TLS": {server, "disable", nil, database.ClassAuthenticationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			uri := mustParse(t, test.server.AdminURI)
			uri.RawQuery = ""
			if test.sslMode != "" {
				uri.RawQuery = "sslmode=" + test.sslMode
			}
			db, err := database.Open(t.Context(), database.Config{URI: uri.String(), TLS: test.tls, Schema: database.DefaultSchema})
			if test.want == accepted {
				check(t, err)
				encrypted := value[bool](t, db, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
				if encrypted != (test.server != plain) {
					t.Errorf("encrypted: %t", encrypted)
				}
				db.Close()
				return
			}
			if got := database.Classify(err); got != test.want {
				t.Errorf("%v is %s, want %s", err, got, test.want)
			}
		})
	}
	_, err = database.ParseConfig("postgres://u:p@h/d", declared(database.VerifyFull, []byte("no PEM")))
	if err == nil || !strings.Contains(database.Message(err), "PEM") {
		t.Errorf("an authority that is no PEM: %v", err)
	}
}

func TestClassesOfSQLSTATEs(t *testing.T) {
	for state, want := range map[string]database.Class{
		"08006": database.ClassUnreachable, "57P01": database.ClassUnreachable, "57P03": database.ClassUnreachable, "53300": database.ClassUnreachable,
		"28P01": database.ClassAuthenticationFailed, "28000": database.ClassAuthenticationFailed,
		"42501": database.ClassPermissionDenied, "3D000": database.ClassDatabaseNotFound, "25006": database.ClassReadOnly,
		"40001": database.ClassRetryable, "40P01": database.ClassRetryable, "55P03": database.ClassRetryable, "57014": database.ClassRetryable,
		"25P03": database.ClassRetryable, "53100": database.ClassRetryable, "58030": database.ClassRetryable,
		"22003": database.ClassData, "23505": database.ClassData, "54000": database.ClassData,
		"42P01": database.ClassMissingObject, "3F000": database.ClassMissingObject,
		"XX000": database.ClassUnknown, "42601": database.ClassUnknown, "": database.ClassUnknown,
	} {
		err := error(&pgconn.PgError{Code: state})
		if got := database.Classify(err); got != want {
			t.Errorf("%s is %s, want %s", state, got, want)
		}
		retryable := want == database.ClassRetryable || want == database.ClassUnreachable
		if database.Retryable(err) != retryable || database.Data(err) != (want == database.ClassData) {
			t.Errorf("%s: retryable %t, data %t", state, database.Retryable(err), database.Data(err))
		}
	}
	if got := database.Classify(context.DeadlineExceeded); got != database.ClassUnreachable {
		t.Errorf("a deadline is %s", got)
	}
	if got := database.Classify(context.Canceled); got != database.ClassUnknown {
		t.Errorf("giving up oneself is %s", got)
	}
	if database.Classify(nil) != database.ClassUnknown || database.Message(nil) != "" {
		t.Error("nil is something")
	}
}
