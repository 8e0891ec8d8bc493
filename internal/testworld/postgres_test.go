package testworld

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestCommittedDataSurvivesKillAndHalt(t *testing.T) {
	postgres := NewPostgres(t, PostgresOptions{})
	database, err := postgres.CreateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	execute(t, database.URI, "CREATE TABLE n (n int)")
	stop := map[string]func() error{"kill": postgres.Kill, "halt": postgres.Halt}
	for rows, how := range []string{"kill", "halt", "kill"} {
		execute(t, database.URI, "INSERT INTO n VALUES (1)")
		pid := postgres.Process().Pid()
		backends := append(childrenOf(pid), pid)
		if err := stop[how](); err != nil {
			t.Fatal(err)
		}
		for _, pid := range backends {
			if alive(pid) {
				t.Errorf("after %s, process %d is still there", how, pid)
			}
		}
		if connection, err := pgx.Connect(t.Context(), database.URI); err == nil {
			t.Error("the server answers after " + how)
			_ = connection.Close(t.Context())
		}
		if err := postgres.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		var count int
		query(t, database.URI, "SELECT count(*) FROM n", &count)
		if count != rows+1 {
			t.Errorf("after %s: %d rows, want %d", how, count, rows+1)
		}
	}
}

func TestServerWithCertificateRefusesPlainConnections(t *testing.T) {
	authority, err := NewAuthority("an authority")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := NewAuthority("an authority") // the same name does not help it
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Server("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	postgres := NewPostgres(t, PostgresOptions{Certificate: &certificate})
	for name, c := range map[string]struct {
		trusted *Authority
		mode    string
		ok      bool
	}{
		"trusted":     {authority, "verify-full", true},
		"not trusted": {stranger, "verify-full", false},
		"plain":       {authority, "disable", false},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "ca.crt")
			if err := os.WriteFile(file, c.trusted.PEM(), 0o600); err != nil {
				t.Fatal(err)
			}
			uri := strings.Replace(postgres.AdminURI, "sslmode=require", "sslmode="+c.mode+"&sslrootcert="+file, 1)
			connection, err := pgx.Connect(t.Context(), uri)
			if (err == nil) != c.ok {
				t.Errorf("connecting: %v", err)
			}
			if err == nil {
				_ = connection.Close(t.Context())
			}
		})
	}
}

func TestSettingsReachTheServer(t *testing.T) {
	postgres := NewPostgres(t, PostgresOptions{
		Durable: true, Settings: map[string]string{"application_name": "it's", "shared_preload_libraries": "pg_stat_statements"},
	})
	execute(t, postgres.AdminURI, "CREATE EXTENSION pg_stat_statements")
	var fsync, name string
	query(t, postgres.AdminURI, "SELECT current_setting('fsync'), current_setting('application_name')", &fsync, &name)
	if fsync != "on" || name != "it's" {
		t.Errorf("fsync is %q, application_name %q", fsync, name)
	}
}

func TestBorrowedServerNeedsNoSuperuserAndKeepsRunning(t *testing.T) {
	lender := NewPostgres(t, PostgresOptions{})
	execute(t, lender.AdminURI, "CREATE ROLE ci LOGIN CREATEDB CREATEROLE PASSWORD 'ci'")
	t.Setenv("DATABASE_URL", lender.uri("postgres", login{"ci", "ci"}))
	borrowed, err := FindPostgres(t.Context(), PostgresOptions{})
	if err != nil {
		t.Fatal(err)
	}
	database, err := borrowed.CreateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{database.URI, database.WriterURI, database.ReaderURI, database.AdminURI} {
		query(t, uri, "SELECT")
	}
	if err := database.Drop(t.Context()); err != nil {
		t.Error(err)
	}
	for name, forbidden := range map[string]func() error{
		"Kill": borrowed.Kill, "Halt": borrowed.Halt,
		"Start": func() error { return borrowed.Start(t.Context()) },
	} {
		if err := forbidden(); !errors.Is(err, errBorrowed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := borrowed.Stop(); err != nil {
		t.Error(err)
	}
	query(t, lender.AdminURI, "SELECT")

	t.Setenv("PG", "99")
	if _, err := FindPostgres(t.Context(), PostgresOptions{}); err == nil {
		t.Error("a borrowed server of another version than PG was accepted")
	}
}
