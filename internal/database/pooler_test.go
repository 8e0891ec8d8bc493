package database_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestEverythingWorksThroughAPooler(t *testing.T) {
	uri := testworld.NewPooler(t, testworld.NewDatabase(t)).URI
	const replicas = 2
	outcomes := make(chan error, replicas)
	for range replicas {
		db := open(t, uri, postgres.DefaultSchema)
		go func() {
			outcomes <- database.Migrate(t.Context(), db)
		}()
	}
	for range replicas {
		testworld.Must(t, <-outcomes)
	}
	db := open(t, uri, postgres.DefaultSchema)
	_, err := database.Claim(t.Context(), db, shop, "")
	testworld.Must(t, err)
	testworld.Must(t, database.GrantRoles(t.Context(), db, shop.UID, 0, database.Roles{Writers: []string{testworld.WriterRole}}))

	// Many at once, so that statements land on connections that never saw them.
	const rounds, workers = 20, 6
	for range workers {
		go func() {
			for i := range rounds {
				d := invite(withTerms(fiveDollars(int64(500+i))), func(d *database.Declaration) { d.Policy.Generation = int64(i) })
				if outcomes <- useAll(t.Context(), db, d); t.Failed() {
					return
				}
			}
		}()
	}
	for range workers * rounds {
		if err := <-outcomes; err != nil {
			t.Fatal(err)
		}
	}
	status, err := database.ReadStatus(t.Context(), db)
	testworld.Must(t, err)
	if len(status.Campaigns) != 1 || status.Campaigns[0].Revision != rounds {
		t.Errorf("%+v", status.Campaigns)
	}
}

func useAll(ctx context.Context, db *postgres.DB, d database.Declaration) error {
	if _, err := database.Declare(ctx, db, d); err != nil {
		return err
	}
	if err := database.Heartbeat(ctx, db, shop); err != nil {
		return err
	}
	if err := database.SetAttribution(ctx, db, shop.UID, 1, database.LastTouch); err != nil {
		return err
	}
	if _, err := engine.LoadDeclared(ctx, db); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO referral.change (shard, kind, key) VALUES ($1, 'Referee', $2)", 1, "u")
		return err
	})
}
