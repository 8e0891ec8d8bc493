package database

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	transactionAttempts = 3
	// configurationTimeout bounds the wait for batches, which hold what they
	// lock for a moment, or for half a minute where their node was lost.
	configurationTimeout = 40 * time.Second
)

// transact runs do in a READ COMMITTED transaction with bounded waits, and
// again after a conflict with another.
//
// Locks are taken in one order everywhere: owner, campaigns by name, meta.
func transact(ctx context.Context, db *DB, do func(pgx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, query("set_timeouts"), configurationTimeout.String(), idleTimeout.String())
			if err != nil {
				return err
			}
			return do(tx)
		})
		if attempt == transactionAttempts || Classify(err) != ClassRetryable {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(rand.N(100 * time.Millisecond)):
		}
	}
}
