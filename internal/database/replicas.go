package database

import (
	"context"
	"fmt"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Place is the place of one replica among those that run an engine on a schema.
type Place struct {
	Rank int // from 0 on
	Of   int // how many there are
}

// Attend records that a replica runs an engine on the schema, and returns its place among those
// that did so within the last while.
func Attend(ctx context.Context, db *postgres.DB, replica string, within time.Duration) (Place, error) {
	var place Place
	err := db.QueryRow(ctx, query(db, "attend"), replica, within.Microseconds()).Scan(&place.Of, &place.Rank)
	if err != nil {
		return Place{}, fmt.Errorf("while counting the replicas: %w", err)
	}
	place.Of++
	return place, nil
}

// Leave records that a replica runs no engine on the schema any more.
func Leave(ctx context.Context, db *postgres.DB, replica string) error {
	if _, err := db.Exec(ctx, query(db, "leave"), replica); err != nil {
		return fmt.Errorf("while leaving the other replicas: %w", err)
	}
	return nil
}
