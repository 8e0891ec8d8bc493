package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// ReverseCampaign requests that the engine reverses every credit of a campaign, and returns about
// how many pairs remain; 0 only when none does: then the campaign is closed. Call it until it
// returns 0, before the object goes. It records the deletion of the object, so that a stale
// declaration does not open the campaign again. It changes only a campaign that the object
// campaign.UID declared last. A campaign that was never declared has nothing to reverse.
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
	if err != nil || !present.exists || present.uid != campaign.UID {
		return 0, err
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
	if _, err := tx.Exec(ctx, query(db, "record_deletion"), campaign.Name, present.uid); err != nil {
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
