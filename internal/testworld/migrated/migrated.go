// Package migrated gives tests a database with the schema in it: migrated, owned, and granted to
// the plain roles. It imports package database, which the test world itself does not. What only one
// package's tests need stays in that package.
package migrated

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// Owner owns the schema.
var Owner = database.Identity{Installation: "default", Name: "growth/shop", UID: "0b9d5a52-1111-4222-8333-444455556666"}

// New makes a migrated database for this test alone.
func New(t testing.TB) *testworld.Database {
	t.Helper()
	return With(t, "migrated", func(context.Context, *postgres.DB) error { return nil })
}

// With makes a migrated database with further content. The first use of a key adds the content, and
// all uses get it.
func With(t testing.TB, key string, add func(context.Context, *postgres.DB) error) *testworld.Database {
	t.Helper()
	return testworld.NewDatabaseFrom(t, key, func(ctx context.Context, own *testworld.Database) error {
		db, err := postgres.Open(ctx, postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema})
		if err != nil {
			return err
		}
		defer db.Close() // a template must not have connections
		if err := database.Migrate(ctx, db); err != nil {
			return err
		}
		if _, err := database.Claim(ctx, db, Owner, ""); err != nil {
			return err
		}
		roles := database.Roles{Writers: []string{testworld.WriterRole}, Readers: []string{testworld.ReaderRole}}
		if err := database.GrantRoles(ctx, db, Owner.UID, 0, roles); err != nil {
			return err
		}
		return add(ctx, db)
	})
}

// Open connects as the URI's user, until the test ends.
func Open(t testing.TB, uri string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URI: uri, Schema: postgres.DefaultSchema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// FiveDollars is the policy of the product's one sentence.
func FiveDollars() reward.Terms {
	return reward.Terms{
		Purchases: reward.FirstPurchase,
		Rewards:   []reward.Reward{{Name: "inviter", Beneficiary: reward.ToReferrer, Fixed: &reward.Money{Amount: 500, Currency: "USD"}}},
	}
}

// Declare declares a campaign as its controller would.
func Declare(t testing.TB, operator *postgres.DB, name string, terms reward.Terms, edits ...func(*database.Declaration)) {
	t.Helper()
	text, err := json.Marshal(terms)
	if err != nil {
		t.Fatal(err)
	}
	d := database.Declaration{
		Campaign: database.Campaign{OwnerUID: Owner.UID, Name: name, UID: name + "-uid"},
		Mode:     database.Open, AttributionWindow: 720 * time.Hour, Destination: "https://mysite.test/",
		Generation: 1, Policy: database.Policy{Name: "policy", UID: "policy-uid", Generation: 1},
		Digest: terms.Digest(), Terms: text, Scope: string(reward.NewPairs), PairsPerReferrer: terms.Limits.PairsPerReferrer,
	}
	for _, edit := range edits {
		edit(&d)
	}
	if _, err := database.Declare(t.Context(), operator, d); err != nil {
		t.Fatal(err)
	}
}

// Rows returns each row of a query's result, with its columns separated by spaces.
func Rows(t testing.TB, from *postgres.DB, sql string, arguments ...any) []string {
	t.Helper()
	rows, err := from.Query(t.Context(), sql, arguments...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		words := make([]string, len(values))
		for i, value := range values {
			words[i] = fmt.Sprint(value)
		}
		return strings.Join(words, " "), err
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return all
}
