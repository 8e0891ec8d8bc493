package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// SetAttribution declares which touch binds a signup. A change has the signups
// of every campaign looked at again. Once it returns nothing commits that was
// decided under another; it writes nothing where nothing differs.
func SetAttribution(ctx context.Context, db *DB, ownerUID string, model reward.AttributionModel) (epoch int64, err error) {
	epoch, err = set(ctx, db, ownerUID, "set_attribution", model)
	if err != nil {
		return 0, fmt.Errorf("while setting the attribution model: %w", err)
	}
	return epoch, nil
}

// SetSuspended declares whether batches are taken at all. Once it returns with
// true, none commits.
func SetSuspended(ctx context.Context, db *DB, ownerUID string, suspended bool) (epoch int64, err error) {
	epoch, err = set(ctx, db, ownerUID, "set_suspended", suspended)
	if err != nil {
		return 0, fmt.Errorf("while setting whether batches are taken: %w", err)
	}
	return epoch, nil
}

// set gives a column of meta another value by the named statement, whose
// neighbour of the same name with _is tells whether it has it already.
func set(ctx context.Context, db *DB, ownerUID, statement string, value any) (epoch int64, err error) {
	var owner string
	var same bool
	err = db.QueryRow(ctx, db.Qualify(query(statement+"_is")), value).Scan(&epoch, &owner, &same)
	if err != nil || same && owner == ownerUID {
		return epoch, err
	}
	err = transact(ctx, db, func(tx pgx.Tx) error {
		if err := requireOwner(ctx, tx, db, ownerUID); err != nil {
			return err
		}
		return tx.QueryRow(ctx, db.Qualify(query(statement)), value).Scan(&epoch)
	})
	return epoch, err
}
