package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// CloseCampaign closes a campaign whose object was not found: it attributes no signup and admits no
// pair any more, while admitted pairs live on. It closes only a campaign that the object
// campaign.UID declared last. The object may declare the campaign again if it exists after all. A
// campaign that was never declared is not changed. It reports whether it has ended a reversal.
func CloseCampaign(ctx context.Context, db *postgres.DB, campaign Campaign) (endedReversal bool, err error) {
	closable := func(c *campaignRow) bool { return c.exists && c.mode != Closed && c.uid == campaign.UID }
	err = alter(ctx, db, campaign, closable, func(tx pgx.Tx, present *campaignRow) error {
		endedReversal = present.mode == Reversing
		return closeCampaign(ctx, tx, db, campaign.Name)
	})
	if err != nil {
		return false, fmt.Errorf("while closing campaign %s: %w", campaign.Name, err)
	}
	return endedReversal, nil
}

// DeleteCampaign records that the object campaign.UID was deleted: its declarations are ignored
// from then on, whatever their generation. It closes the campaign, unless a later object declared
// it. The object must exist, or be the one that declared the campaign last. It reports whether it
// has ended a reversal.
func DeleteCampaign(ctx context.Context, db *postgres.DB, campaign Campaign) (endedReversal bool, err error) {
	wanted := func(c *campaignRow) bool {
		return c.exists && !c.declaredAfter(campaign.UID) && (c.mode != Closed || !c.deleted(campaign.UID))
	}
	err = alter(ctx, db, campaign, wanted, func(tx pgx.Tx, present *campaignRow) error {
		endedReversal = present.mode == Reversing
		if err := deleteObject(ctx, tx, db, campaign, present); err != nil || present.mode == Closed {
			return err
		}
		return closeCampaign(ctx, tx, db, campaign.Name)
	})
	if err != nil {
		return false, fmt.Errorf("while recording the deletion of campaign %s: %w", campaign.Name, err)
	}
	return endedReversal, nil
}

// deleteObject records that the object campaign.UID was deleted. If an earlier object declared the
// campaign last, which a deletion supersedes like a declaration, that one is recorded too.
func deleteObject(ctx context.Context, tx pgx.Tx, db *postgres.DB, campaign Campaign, present *campaignRow) error {
	statement := "record_deletion"
	if present.uid != campaign.UID {
		statement = "supersede_campaign"
	}
	_, err := tx.Exec(ctx, query(db, statement), campaign.Name, campaign.UID)
	return err
}

// alter locks the campaign's row, as the owner of the schema, and runs do if the row is wanted.
// Else it writes nothing.
func alter(
	ctx context.Context, db *postgres.DB, campaign Campaign, wanted func(*campaignRow) bool, do func(pgx.Tx, *campaignRow) error,
) error {
	present, err := readCampaign(ctx, db, db, campaign.Name, "")
	if err != nil || !wanted(present) && present.ownerUID == campaign.OwnerUID {
		return err
	}
	return transact(ctx, db, func(tx pgx.Tx) error {
		if err := requireOwner(ctx, tx, db, campaign.OwnerUID); err != nil {
			return err
		}
		present, err := lockCampaign(ctx, tx, db, campaign.Name, "")
		if err != nil || !wanted(present) {
			return err
		}
		return do(tx, present)
	})
}

// closeCampaign closes a campaign. Its row must be locked.
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
	_, err := tx.Exec(ctx, query(db, "enqueue_campaign"), name)
	return err
}
