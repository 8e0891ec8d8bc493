package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// CloseCampaign closes a campaign whose object was not found: it attributes no
// signup and admits no pair any more, while admitted pairs live on. Unless uid
// is empty it closes only what that object declared last. Should the object be
// there after all, it may declare the campaign again. A campaign that was never
// declared is closed already.
func CloseCampaign(ctx context.Context, db *postgres.DB, ownerUID, name, uid string) error {
	closable := func(c *campaignRow) bool {
		return c.exists && c.mode != Closed && (uid == "" || c.uid == uid)
	}
	err := alter(ctx, db, ownerUID, name, closable, func(tx pgx.Tx, _ *campaignRow) error {
		return closeCampaign(ctx, tx, db, name)
	})
	if err != nil {
		return fmt.Errorf("while closing campaign %s: %w", name, err)
	}
	return nil
}

// DeleteCampaign records that the object with this UID was deleted: nothing
// that it declares, of whatever generation, comes into force any more. It
// closes the campaign if that object declared it last.
func DeleteCampaign(ctx context.Context, db *postgres.DB, ownerUID, name, uid string) error {
	closable := func(c *campaignRow) bool { return c.uid == uid && c.mode != Closed }
	wanted := func(c *campaignRow) bool { return c.exists && (closable(c) || !c.deleted(uid)) }
	err := alter(ctx, db, ownerUID, name, wanted, func(tx pgx.Tx, present *campaignRow) error {
		if _, err := tx.Exec(ctx, query(db, "record_deletion"), name, uid); err != nil {
			return err
		}
		if !closable(present) {
			return nil
		}
		return closeCampaign(ctx, tx, db, name)
	})
	if err != nil {
		return fmt.Errorf("while recording the deletion of campaign %s: %w", name, err)
	}
	return nil
}

// alter runs do with the campaign's row locked, as the owner of the schema,
// where it is wanted. Else it writes nothing.
func alter(
	ctx context.Context, db *postgres.DB, ownerUID, name string, wanted func(*campaignRow) bool, do func(pgx.Tx, *campaignRow) error,
) error {
	present, err := readCampaign(ctx, db, query(db, "read_campaign"), name)
	if err != nil || !wanted(present) && present.ownerUID == ownerUID {
		return err
	}
	return transact(ctx, db, func(tx pgx.Tx) error {
		if err := requireOwner(ctx, tx, db, ownerUID); err != nil {
			return err
		}
		present, err := lockCampaign(ctx, tx, db, name)
		if err != nil || !wanted(present) {
			return err
		}
		return do(tx, present)
	})
}

// closeCampaign closes a campaign whose row is locked.
func closeCampaign(ctx context.Context, tx pgx.Tx, db *postgres.DB, name string) error {
	if _, err := tx.Exec(ctx, query(db, "set_campaign_mode"), name, Closed); err != nil {
		return err
	}
	if err := bumpEpoch(ctx, tx, db); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, query(db, "request_allocation"), name, true, false); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, query(db, "note_campaign"), name)
	return err
}
