package database

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// RequestResync requests a resync of a campaign. requestedAt identifies the request; the newest
// replaces an earlier one. A resync that begins afterwards answers the request when it ends:
// ResyncStatus.Answers. The same request again writes nothing.
func RequestResync(ctx context.Context, db *postgres.DB, campaign Campaign, requestedAt string) error {
	if err := asOwner(ctx, db, campaign.OwnerUID, query(db, "request_resync"), campaign.Name, RequestID(requestedAt)); err != nil {
		return fmt.Errorf("while requesting a resync of campaign %s: %w", campaign.Name, err)
	}
	return nil
}

// requestBytes is the most bytes of a request that is recorded as it is.
const requestBytes = 500

// RequestID is what the database has of a request: the request itself or, if a status could not
// show it as it is, its digest. A text in Postgres cannot contain NUL, and annotations may be long.
func RequestID(requestedAt string) string {
	if postgres.Plain(requestedAt, requestBytes) == requestedAt {
		return requestedAt
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(requestedAt)))
}

// Answers reports whether this request was answered last.
func (r *ResyncStatus) Answers(requestedAt string) bool { return r.Handled == RequestID(requestedAt) }

// AllowReversals permits reversals of a campaign that are withheld because many rows are missing;
// see MassReversal. It permits the pairs that were reported under the id, once. Another id, or the
// id of an incident that is over, changes nothing.
func AllowReversals(ctx context.Context, db *postgres.DB, campaign Campaign, id string) error {
	if err := asOwner(ctx, db, campaign.OwnerUID, query(db, "allow_reversals"), campaign.Name, id); err != nil {
		return fmt.Errorf("while allowing reversals of campaign %s: %w", campaign.Name, err)
	}
	return nil
}

// asOwner runs one statement if the object with ownerUID owns the schema.
func asOwner(ctx context.Context, db *postgres.DB, ownerUID, statement string, arguments ...any) error {
	return transact(ctx, db, func(tx pgx.Tx) error {
		if err := requireOwner(ctx, tx, db, ownerUID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, statement, arguments...)
		return err
	})
}

// resyncRow are the columns of a campaign's resyncs and incident; zero if there are none.
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
		loss.ID = idOf(*r.incident)
		status.MassReversal = &loss
	}
	return status
}
