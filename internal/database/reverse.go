package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// ReverseCampaign has the engine take back all that a campaign gave, before its
// object goes, and returns about how many pairs are left; 0 only when nothing
// is: then the campaign is closed. It records the deletion of the object, so
// that nothing which a cache says of it opens the campaign again. Unless uid is
// empty it touches only what that object declared last. A campaign that was
// never declared has nothing to take back. Call it until nothing is left.
func ReverseCampaign(ctx context.Context, db *postgres.DB, ownerUID, name, uid string) (left int64, err error) {
	err = transact(ctx, db, func(tx pgx.Tx) error {
		left, err = reverseCampaign(ctx, tx, db, ownerUID, name, uid)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("while reversing campaign %s: %w", name, err)
	}
	return left, nil
}

func reverseCampaign(ctx context.Context, tx pgx.Tx, db *postgres.DB, ownerUID, name, uid string) (left int64, err error) {
	if err := requireOwner(ctx, tx, db, ownerUID); err != nil {
		return 0, err
	}
	present, err := lockCampaign(ctx, tx, db, name)
	if err != nil || !present.exists || uid != "" && present.uid != uid {
		return 0, err
	}
	var done bool
	if err := tx.QueryRow(ctx, query(db, "read_reversal"), name).Scan(&done, &left); err != nil {
		return 0, err
	}
	left = max(left, 1)
	switch {
	// One that was closed otherwise still has what it gave, unless all is closed that has no object.
	case present.mode == Closed && (done || uid == ""):
		return 0, nil
	case present.mode == Reversing && done:
		return 0, closeCampaign(ctx, tx, db, name)
	case present.mode == Reversing:
		return left, nil
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
	return left, bumpEpoch(ctx, tx, db)
}
