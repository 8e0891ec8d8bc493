package database

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Declaration is what a campaign is to be.
type Declaration struct {
	OwnerUID          string // of the object that owns the schema
	Name              string
	Mode              Mode
	StartsAt, EndsAt  time.Time // zero: no bound
	AttributionWindow time.Duration
	Destination       string
	Budget            *Money        // nil: no limit
	ResyncInterval    time.Duration // longest time between two full comparisons; zero: 30 minutes
	UID               string        // of the object that declares the campaign
	Generation        int64
	Policy            Policy
	Digest            string // of Terms
	Terms             []byte // JSON of reward.Terms; nil: those in force stay, and the policy they are from
	Scope             string // whom an edit of the terms reaches: NewPairs, HeldPairs or AllPairs
}

const defaultResyncInterval = 30 * time.Minute

// Policy is the object that a declaration's terms are from.
type Policy struct {
	Name       string
	UID        string
	Generation int64
}

// Declared is what is in force. All but Epoch is zero for a campaign that has
// never been declared with its policy there.
type Declared struct {
	Revision int    // the newest
	Digest   string // of its terms
	Epoch    int64  // no batch decided before this one commits any more
	Stale    bool   // the declaration was older than what is in force, and ignored
	Deleted  bool   // it was ignored because the deletion of its object is recorded
}

// Declare puts a campaign into force. Once it returns nothing commits that was
// decided under what was in force before. It is idempotent: it writes nothing
// where nothing differs.
//
// A revision is recorded when the digest differs from the newest one's. A
// declaration of a lower generation of the same campaign or policy object is
// ignored, and so is one of an object whose deletion is recorded. Without terms
// a campaign that was never declared stays so. In mode PolicyMissing, where there
// are none, only the mode of a campaign changes, and the object that declared it.
func Declare(ctx context.Context, db *postgres.DB, d Declaration) (Declared, error) {
	d.AttributionWindow = d.AttributionWindow.Truncate(time.Microsecond)
	d.ResyncInterval = cmp.Or(d.ResyncInterval.Truncate(time.Microsecond), defaultResyncInterval)
	present, err := readCampaign(ctx, db, query(db, "read_campaign"), d.Name)
	if err != nil {
		return Declared{}, fmt.Errorf("while reading campaign %s: %w", d.Name, err)
	}
	if present.ownerUID == d.OwnerUID && !present.edits(d).any() {
		return present.declared(d), nil
	}
	err = transact(ctx, db, func(tx pgx.Tx) error {
		present, err = declare(ctx, tx, db, d)
		return err
	})
	if err != nil {
		return Declared{}, fmt.Errorf("while declaring campaign %s: %w", d.Name, err)
	}
	return present.declared(d), nil
}

// declare returns what is in force afterwards.
func declare(ctx context.Context, tx pgx.Tx, db *postgres.DB, d Declaration) (*campaignRow, error) {
	if err := requireOwner(ctx, tx, db, d.OwnerUID); err != nil {
		return nil, err
	}
	edits, err := writeCampaign(ctx, tx, db, d)
	if err != nil {
		return nil, err
	}
	if edits.decisions() {
		if err := bumpEpoch(ctx, tx, db); err != nil {
			return nil, err
		}
	}
	// From here on no batch commits that was decided before, so that what
	// arrives after the revision's time cannot have been decided without it.
	if edits.terms {
		if _, err := tx.Exec(ctx, query(db, "insert_revision"), d.Name, d.Digest, d.Terms, d.Scope); err != nil {
			return nil, err
		}
	}
	if edits.terms && d.Scope != NewPairs {
		if _, err := tx.Exec(ctx, query(db, "begin_rollout"), d.Name); err != nil {
			return nil, err
		}
	}
	if edits.decisions() {
		if _, err := tx.Exec(ctx, query(db, "request_allocation"), d.Name, edits.waiting(), edits.money || edits.unit); err != nil {
			return nil, err
		}
	}
	if edits.judge {
		if _, err := tx.Exec(ctx, query(db, "note_rollout"), d.Name); err != nil {
			return nil, err
		}
	}
	if edits.reach {
		if _, err := tx.Exec(ctx, query(db, "note_campaign"), d.Name); err != nil {
			return nil, err
		}
	}
	return readCampaign(ctx, tx, query(db, "read_campaign"), d.Name)
}

// writeCampaign writes the campaign's row where it differs, and keeps others
// from doing so until the transaction ends.
func writeCampaign(ctx context.Context, tx pgx.Tx, db *postgres.DB, d Declaration) (edits, error) {
	for {
		present, err := lockCampaign(ctx, tx, db, d.Name)
		if err != nil {
			return edits{}, err
		}
		edits := present.edits(d)
		if !edits.spec {
			return edits, nil
		}
		statement := "update_campaign"
		switch {
		case d.Mode == PolicyMissing:
			_, err := tx.Exec(ctx, query(db, "set_policy_missing"), d.Name, d.UID, d.Generation)
			return edits, err
		case !present.exists:
			statement = "insert_campaign"
		}
		policy := d.Policy
		if d.Terms == nil {
			policy = present.policy
		}
		var budget *int64
		var currency *string
		if d.Budget != nil {
			budget, currency = &d.Budget.Amount, &d.Budget.Currency
		}
		tag, err := tx.Exec(ctx, query(db, statement), d.Name, d.Mode, nullable(d.StartsAt), nullable(d.EndsAt),
			d.AttributionWindow.Microseconds(), d.Destination, d.UID, d.Generation, policy.Name, policy.UID, policy.Generation,
			budget, currency, d.ResyncInterval.Microseconds())
		if err != nil || tag.RowsAffected() > 0 {
			return edits, err
		}
		// Somebody else declared it for the first time just now: look again.
	}
}

// lockCampaign returns what is in force, which stays so until the transaction
// ends. It locks nothing where there is no campaign yet.
func lockCampaign(ctx context.Context, tx pgx.Tx, db *postgres.DB, name string) (*campaignRow, error) {
	if _, err := tx.Exec(ctx, query(db, "lock_campaign"), name); err != nil {
		return nil, err
	}
	return readCampaign(ctx, tx, query(db, "read_campaign"), name)
}
