package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// ReverseCampaign requests that the engine reverses every credit of a campaign, and returns about
// how many pairs remain; 0 only when none does: then the campaign is closed. Call it until it
// returns 0, before the object campaign.UID goes. It records the object's deletion, so that a stale
// declaration does not open the campaign again. That object must exist; a campaign that a later
// object declared is not changed. A campaign that was never declared has nothing to reverse.
func ReverseCampaign(ctx context.Context, db *postgres.DB, campaign Campaign) (remaining int64, err error) {
	err = transact(ctx, db, func(tx pgx.Tx) error {
		remaining, err = reverseCampaign(ctx, tx, db, campaign)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("while reversing campaign %s: %w", campaign.Name, err)
	}
	return remaining, nil
}

func reverseCampaign(ctx context.Context, tx pgx.Tx, db *postgres.DB, campaign Campaign) (remaining int64, err error) {
	if err := requireOwner(ctx, tx, db, campaign.OwnerUID); err != nil {
		return 0, err
	}
	present, err := lockCampaign(ctx, tx, db, campaign.Name, "")
	if err != nil || !present.exists || present.declaredAfter(campaign.UID) {
		return 0, err
	}
	if present.uid != campaign.UID {
		if err := deleteObject(ctx, tx, db, campaign, present); err != nil {
			return 0, err
		}
	}
	var done bool
	if err := tx.QueryRow(ctx, query(db, "read_reversal"), campaign.Name).Scan(&done, &remaining); err != nil {
		return 0, err
	}
	remaining = max(remaining, 1)
	switch {
	case present.mode == Closed && done: // one that was closed without being reversed is reversed now
		return 0, nil
	case present.mode == Reversing && done:
		return 0, closeCampaign(ctx, tx, db, campaign.Name)
	case present.mode == Reversing:
		return remaining, nil
	}
	if _, err := tx.Exec(ctx, query(db, "record_deletion"), campaign.Name, campaign.UID); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, query(db, "begin_reversal"), campaign.Name); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, query(db, "set_campaign_mode"), campaign.Name, Reversing); err != nil {
		return 0, err
	}
	return remaining, bumpEpoch(ctx, tx, db)
}
