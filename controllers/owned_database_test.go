package controllers

import (
	"context"
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// newOwnedDatabase returns a migrated database that an object owns.
func newOwnedDatabase(t *testing.T, owner database.Identity) *postgres.DB {
	t.Helper()
	open := func(ctx context.Context, own *testworld.Database) (*postgres.DB, error) {
		return postgres.Open(ctx, postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema})
	}
	own := testworld.NewDatabaseFrom(t, "owned", func(ctx context.Context, own *testworld.Database) error {
		db, err := open(ctx, own)
		if err != nil {
			return err
		}
		defer db.Close()
		return database.Migrate(ctx, db)
	})
	db, err := open(t.Context(), own)
	testworld.Must(t, err)
	t.Cleanup(db.Close)
	_, err = database.Claim(t.Context(), db, owner, "")
	testworld.Must(t, err)
	return db
}
