package database

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// ErrStale says that settings of a later generation are in force: whoever
// meant to change them follows a cache that lags behind.
var ErrStale = errors.New("settings of a later generation are in force")

// SetAttribution declares which touch binds a signup. A change has the signups
// of every campaign looked at again. Once it returns nothing commits that was
// decided under another; it writes nothing where nothing differs. A generation
// lower than that of an earlier change is ErrStale.
func SetAttribution(ctx context.Context, db *postgres.DB, ownerUID string, generation int64, model AttributionModel) (epoch int64, err error) {
	epoch, err = set(ctx, db, ownerUID, generation, "set_attribution", model)
	if err != nil {
		return 0, fmt.Errorf("while setting the attribution model: %w", err)
	}
	return epoch, nil
}

// SetSuspended declares whether batches are taken at all. Once it returns with
// true, none commits. A generation lower than that of an earlier change is
// ErrStale.
func SetSuspended(ctx context.Context, db *postgres.DB, ownerUID string, generation int64, suspended bool) (epoch int64, err error) {
	epoch, err = set(ctx, db, ownerUID, generation, "set_suspended", suspended)
	if err != nil {
		return 0, fmt.Errorf("while setting whether batches are taken: %w", err)
	}
	return epoch, nil
}

// set gives a column of meta another value by the named statement, whose
// neighbour of the same name with _is tells whether it has it already.
func set(ctx context.Context, db *postgres.DB, ownerUID string, generation int64, statement string, value any) (epoch int64, err error) {
	var owner string
	var same bool
	err = db.QueryRow(ctx, query(db, statement+"_is"), value).Scan(&epoch, &owner, &same)
	if err != nil || same && owner == ownerUID {
		return epoch, err
	}
	err = transact(ctx, db, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, query(db, "advance_owner"), ownerUID, generation)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			if err := requireOwner(ctx, tx, db, ownerUID); err != nil {
				return err
			}
			return ErrStale
		}
		return tx.QueryRow(ctx, query(db, statement), value).Scan(&epoch)
	})
	return epoch, err
}
