package database

import (
	"context"
	"fmt"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Place is the place of one replica among those that run an engine on a schema: 0 <= Rank < Of, and
// Of is at most mostReplicas. The zero Place means that the replica runs none.
type Place struct {
	Rank int // from 0 on
	Of   int // how many there are
}

// mostReplicas is far above the number of replicas of any installation. It keeps the arithmetic
// that divides time into turns from overflowing.
const mostReplicas = 10_000

// Attend records that a replica runs an engine on the schema, and returns its place among those
// that did so within the last while. It fails if the server answers numbers that no Place has.
func Attend(ctx context.Context, db *postgres.DB, replica string, within time.Duration) (Place, error) {
	var others, rank int64
	err := db.QueryRow(ctx, query(db, "attend"), replica, within.Microseconds()).Scan(&others, &rank)
	if err == nil && (others < 0 || others >= mostReplicas) {
		err = fmt.Errorf("table replica counts %d other replicas instead of 0 to %d: remove its rows, which the replicas write again",
			others, mostReplicas-1)
	}
	if err == nil && (rank < 0 || rank > others) {
		err = fmt.Errorf("table replica counts %d replicas before this one among %d others", rank, others)
	}
	if err != nil {
		return Place{}, fmt.Errorf("while counting the replicas: %w", err)
	}
	return Place{Rank: int(rank), Of: int(others) + 1}, nil
}

// Leave records that a replica runs no engine on the schema any more.
func Leave(ctx context.Context, db *postgres.DB, replica string) error {
	if _, err := db.Exec(ctx, query(db, "leave"), replica); err != nil {
		return fmt.Errorf("while leaving the other replicas: %w", err)
	}
	return nil
}
