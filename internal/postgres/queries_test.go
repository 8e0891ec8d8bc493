package postgres_test

import (
	"testing"
	"testing/fstest"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

func TestQueriesAreNamedByTheirFilesAndWrittenForASchema(t *testing.T) {
	files := fstest.MapFS{"queries/read_meta.sql": {Data: []byte("SELECT * FROM referral.meta")}}
	queries := postgres.LoadQueries(files)
	if got, want := queries.In("loyalty").Get("read_meta"), `SELECT * FROM "loyalty".meta`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := queries.Get("read_meta"), "SELECT * FROM referral.meta"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAQueryWithoutAFilePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it does not panic")
		}
	}()
	postgres.Queries{}.Get("read_meta")
}
