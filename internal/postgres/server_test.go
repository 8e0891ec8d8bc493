package postgres_test

import (
	"errors"
	"strings"
	"testing"

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
