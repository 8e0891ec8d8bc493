package postgres_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestMain(m *testing.M) { testworld.Main(m) }

func open(t testing.TB, uri string, schema postgres.Schema) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URI: uri, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}
