package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// ReverseCampaign is for a campaign that takes back all it gave before its
// object goes. It has the engine reverse every pair and returns how many are
// left; once none is, the campaign is closed. Unless uid is empty it touches
// only what that object declared last. A campaign that was never declared has
// nothing to take back. Call it until nothing is left.
func ReverseCampaign(ctx context.Context, db *DB, ownerUID, name, uid string) (left int64, err error) {
	err = transact(ctx, db, func(tx pgx.Tx) error {
		if err := requireOwner(ctx, tx, db, ownerUID); err != nil {
			return err
		}
		present, err := lockCampaign(ctx, tx, db, name)
		if err != nil || !present.exists || present.mode == reward.Closed || uid != "" && present.uid != uid {
			return err
		}
		if err := tx.QueryRow(ctx, db.Qualify(query("count_unreversed")), name).Scan(&left); err != nil {
			return err
		}
		mode := reward.Reversing
		switch {
		case left == 0:
			mode = reward.Closed
		case present.mode == reward.Reversing:
			return nil
		}
		if _, err := tx.Exec(ctx, db.Qualify(query("set_campaign_mode")), name, mode); err != nil {
			return err
		}
		if err := bumpEpoch(ctx, tx, db); err != nil {
			return err
		}
		// Attributions lead to all that was given; whom links alone lead to hears
		// of it when the campaign is closed, as without anything to take back.
		reach := "note_rollout"
		if mode == reward.Closed {
			reach = "note_campaign"
		}
		_, err = tx.Exec(ctx, db.Qualify(query(reach)), name)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("while reversing campaign %s: %w", name, err)
	}
	return left, nil
}
