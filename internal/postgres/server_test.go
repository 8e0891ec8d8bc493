package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

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
	server := testworld.Imitation{Version: "PostgreSQL 17.0", Encoding: "x\x1b[31m\nKq7cr3t " + strings.Repeat("y", 1<<20)}
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
