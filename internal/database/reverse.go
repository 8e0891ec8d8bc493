package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// ReverseCampaign requests that the engine reverses every credit of a campaign, and returns about how
// many pairs remain; 0 only when none does: then the campaign is closed. Call it until it returns 0,
// before the object goes. It records the deletion of the object, so that a stale declaration does not
// open the campaign again. If uid is not empty it changes only a campaign that this object declared
// last. A campaign that was never declared has nothing to reverse.
func ReverseCampaign(ctx context.Context, db *postgres.DB, ownerUID, name, uid string) (remaining int64, err error) {
	err = transact(ctx, db, func(tx pgx.Tx) error {
		remaining, err = reverseCampaign(ctx, tx, db, ownerUID, name, uid)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("while reversing campaign %s: %w", name, err)
	}
	return remaining, nil
}

func reverseCampaign(ctx context.Context, tx pgx.Tx, db *postgres.DB, ownerUID, name, uid string) (remaining int64, err error) {
	if err := requireOwner(ctx, tx, db, ownerUID); err != nil {
		return 0, err
	}
	present, err := lockCampaign(ctx, tx, db, name)
	if err != nil || !present.exists || uid != "" && present.uid != uid {
		return 0, err
	}
	var done bool
	if err := tx.QueryRow(ctx, query(db, "read_reversal"), name).Scan(&done, &remaining); err != nil {
		return 0, err
	}
	remaining = max(remaining, 1)
	switch {
	// A campaign that was closed without being reversed is reversed now, unless uid is empty.
	case present.mode == Closed && (done || uid == ""):
		return 0, nil
	case present.mode == Reversing && done:
		return 0, closeCampaign(ctx, tx, db, name)
	case present.mode == Reversing:
		return remaining, nil
	}
	if _, err := tx.Exec(ctx, query(db, "record_deletion"), name, present.uid); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, query(db, "begin_reversal"), name); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, query(db, "set_campaign_mode"), name, Reversing); err != nil {
		return 0, err
	}
	return remaining, bumpEpoch(ctx, tx, db)
}
