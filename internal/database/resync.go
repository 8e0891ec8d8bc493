package database

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// RequestResync asks for a full comparison of a campaign. requestedAt tells one
// request from another; the newest wins. A comparison that begins after it
// answers it as ResyncStatus.Handled when it ends. Asking the same again
// writes nothing.
func RequestResync(ctx context.Context, db *postgres.DB, ownerUID, campaign, requestedAt string) error {
	if err := asOwner(ctx, db, ownerUID, "request_resync", campaign, requestedAt); err != nil {
		return fmt.Errorf("while requesting a resync of campaign %s: %w", campaign, err)
	}
	return nil
}

// AllowReversals permits the reversals that are withheld from a campaign
// because so many rows are missing, see MassReversal. The permission is for the
// pairs that were reported under that id. It is recorded once; for another id,
// and for an incident that is over, it changes nothing.
func AllowReversals(ctx context.Context, db *postgres.DB, ownerUID, campaign, id string) error {
	if err := asOwner(ctx, db, ownerUID, "allow_reversals", campaign, id); err != nil {
		return fmt.Errorf("while allowing reversals of campaign %s: %w", campaign, err)
	}
	return nil
}

// asOwner runs one statement if the schema's owner asks for it.
func asOwner(ctx context.Context, db *postgres.DB, ownerUID, name string, arguments ...any) error {
	return transact(ctx, db, func(tx pgx.Tx) error {
		if err := requireOwner(ctx, tx, db, ownerUID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, query(db, name), arguments...)
		return err
	})
}

// resyncRow is what is read of a campaign's comparisons and lost rows; zero
// where there was neither.
type resyncRow struct {
	status   ResyncStatus
	endedAt  *time.Time
	incident *string
	loss     MassReversal
}

func (r *resyncRow) read() ResyncStatus {
	status := r.status
	status.EndedAt = timeOf(r.endedAt)
	if r.incident != nil {
		loss := r.loss
		loss.ID = *r.incident
		status.MassReversal = &loss
	}
	return status
}
