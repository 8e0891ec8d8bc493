package testworld

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

func TestEachURIConnectsAsItsRoleWithoutSuperuserRights(t *testing.T) {
	database := NewDatabase(t)
	for name, way := range map[string]struct{ uri, role string }{
		"operator": {database.URI, database.Operator},
		"writer":   {database.WriterURI, WriterRole},
		"reader":   {database.ReaderURI, ReaderRole},
	} {
		t.Run(name, func(t *testing.T) {
			type identity struct {
				Role, Database  string
				Superuser, Owns bool
			}
			var got identity
			query(t, way.uri, `SELECT current_user, current_database(),
				(SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
				(SELECT datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)
				   FROM pg_database WHERE datname = current_database())`,
				&got.Role, &got.Database, &got.Superuser, &got.Owns)
			want := identity{Role: way.role, Database: database.Name, Owns: name == "operator"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func query(t *testing.T, uri, sql string, into ...any) {
	t.Helper()
	err := withConnection(t.Context(), uri, func(connection *pgx.Conn) error {
		return connection.QueryRow(t.Context(), sql).Scan(into...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, uri string, statements ...string) {
	t.Helper()
	err := withConnection(t.Context(), uri, func(connection *pgx.Conn) error {
		return execAll(t.Context(), connection, statements...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDropRemovesDatabaseAndRoleDespiteConnections(t *testing.T) {
	postgres, err := SharedPostgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	database, err := postgres.CreateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lingering, err := pgx.Connect(t.Context(), database.URI)
	if err != nil {
		t.Fatal(err)
	}
	defer lingering.Close(context.Background())
	if err := database.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	query(t, postgres.AdminURI, `SELECT (SELECT count(*) FROM pg_database WHERE datname = '`+database.Name+`')
		+ (SELECT count(*) FROM pg_roles WHERE rolname = '`+database.Operator+`')`, &left)
	if left != 0 {
		t.Errorf("%d of database and role are left", left)
	}
}

func TestCopyOfATemplateIsIndependent(t *testing.T) {
	fills := 0
	fill := func(_ context.Context, database *Database) error {
		fills++
		execute(t, database.URI, "CREATE SCHEMA s", "CREATE TABLE s.n (n int)", "INSERT INTO s.n VALUES (1)")
		return nil
	}
	first := NewDatabaseFrom(t, "copy", fill)
	execute(t, first.URI, "INSERT INTO s.n VALUES (2)", "ALTER TABLE s.n ADD note text")
	second := NewDatabaseFrom(t, "copy", fill)
	var sum int
	query(t, second.URI, "SELECT sum(n) FROM s.n", &sum)
	if sum != 1 || fills != 1 {
		t.Errorf("second copy sums up to %d, want 1; template filled %d times, want once", sum, fills)
	}
}
