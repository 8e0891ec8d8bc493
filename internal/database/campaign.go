package database

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Campaign identifies a campaign and the objects that change it.
type Campaign struct {
	OwnerUID string // of the object that must own the schema
	Name     string
	UID      string // of the object that declares the campaign
}

// Declaration is a campaign as its object declares it.
type Declaration struct {
	Campaign
	Mode              Mode
	StartsAt, EndsAt  time.Time // zero: no bound
	AttributionWindow time.Duration
	Destination       string
	Budget            *Money        // nil: no limit
	PairsPerReferrer  int64         // the cap: held and granted pairs of one referrer; zero: no limit
	ResyncInterval    time.Duration // longest time between two resyncs; zero: 30 minutes
	Generation        int64
	Policy            Policy
	Digest            string // of Terms
	Terms             []byte // JSON of reward.Terms; nil: the terms in force, their policy and the cap stay
	Scope             string // which pairs an edit of the terms reaches: NewPairs, HeldPairs or AllPairs

	// The object was read from a cache, which may lag behind without showing it: an annotation that
	// suspends raises no generation. So a campaign that this generation has suspended stays suspended.
	Cached bool
}

const defaultResyncInterval = 30 * time.Minute

// Policy identifies the object that contains a declaration's terms.
type Policy struct {
	Name       string
	UID        string
	Generation int64
}

// Declared is what is in force. Everything but Full is zero for a campaign that was never declared
// with a policy.
type Declared struct {
	Revision int    // the newest
	Digest   string // of its terms
	Policy   Policy // whose terms and cap are in force
	Stale    bool   // the declaration was older than what is in force and was ignored
	Deleted  bool   // the declaration was ignored because the deletion of its object is recorded
	Resumes  bool   // a Cached declaration was ignored because this generation has suspended the campaign
	Full     bool   // no further revision is recorded: the terms in force stay
	// The terms in force stay and never earn in the currency of the declared budget: the budget in
	// force stays, too.
	BudgetKept bool
	// Generations of the campaign's object and of the policy that are in force, if they are later than
	// those of the declaration, which makes it Stale; else zero.
	LaterGeneration, LaterPolicyGeneration int64
}

// Declare puts a campaign into force. Once it returns, no batch commits that was decided under the
// earlier declaration. It is idempotent: it writes nothing if nothing differs.
//
// It records a revision if the digest differs from the newest revision's. The revision reaches
// older pairs by a rollout, which stops that of the revision before. It ignores a declaration
// of a lower generation of the same campaign or policy object, and one of an object whose deletion
// is recorded, and a Cached one that would resume what the same generation has suspended. A campaign
// that was never declared cannot be declared without terms. In mode
// PolicyMissing, which has no terms, only the campaign's mode and its declaring object change. Once
// the revisions of the schema take editsBytes, none is recorded that does not return to the terms
// before the newest; the rest of the declaration comes into force. Where the terms in force stay, a
// budget in a currency that they never earn does not come into force.
func Declare(ctx context.Context, db *postgres.DB, d Declaration) (Declared, error) {
	d.AttributionWindow = d.AttributionWindow.Truncate(time.Microsecond)
	d.ResyncInterval = cmp.Or(d.ResyncInterval.Truncate(time.Microsecond), defaultResyncInterval)
	present, err := readCampaign(ctx, db, db, d.Name, d.Policy.UID)
	if err != nil {
		return Declared{}, fmt.Errorf("while reading campaign %s: %w", d.Name, err)
	}
	full := false
	if present.edits(d).terms {
		if full, err = d.keepTerms(ctx, db, present); err != nil {
			return Declared{}, fmt.Errorf("while measuring the revisions: %w", err)
		}
	}
	if full && !present.exists {
		return Declared{Full: true}, nil
	}
	budgetKept := false
	if full || d.Terms == nil && d.Mode != PolicyMissing {
		if budgetKept, err = d.keepBudget(ctx, db, present); err != nil {
			return Declared{}, fmt.Errorf("while comparing the budget with the terms in force: %w", err)
		}
	}
	if present.ownerUID != d.OwnerUID || present.edits(d).any() {
		err = transact(ctx, db, func(tx pgx.Tx) error {
			present, err = declare(ctx, tx, db, d)
			return err
		})
		if err != nil {
			return Declared{}, fmt.Errorf("while declaring campaign %s: %w", d.Name, err)
		}
	}
	declared := present.declared(d)
	declared.Full, declared.BudgetKept = full, budgetKept
	return declared, nil
}

// keepTerms makes a declaration keep the terms in force if no further revision is recorded, which
// it reports.
func (d *Declaration) keepTerms(ctx context.Context, db *postgres.DB, present *campaignRow) (full bool, err error) {
	var fits bool
	err = db.QueryRow(ctx, query(db, "fits_revision"), d.Name, d.Digest, d.Terms, editsBytes, RevisionsBytes).Scan(&fits)
	if err != nil || fits {
		return false, err
	}
	d.Policy, d.Digest = present.policy, present.digest
	present.policyGeneration = present.policy.Generation // it was that of the declared policy
	return true, nil
}

// keepBudget makes a declaration under the terms in force keep the budget in force, too, if these
// terms cannot earn in the currency of the declared one, which it reports. Otherwise no pair could
// count any more.
func (d *Declaration) keepBudget(ctx context.Context, db *postgres.DB, present *campaignRow) (kept bool, err error) {
	if d.Budget == nil || d.Budget.Currency == present.budget.Currency {
		return false, nil
	}
	var earns bool
	if err := db.QueryRow(ctx, query(db, "earns_budget"), d.Name, d.Budget.Currency).Scan(&earns); err != nil || earns {
		return false, err
	}
	if d.Budget = nil; present.budget != (Money{}) {
		d.Budget = &present.budget
	}
	return true, nil
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
	// From here on no earlier batch commits, so a fact that arrives after the revision's time is
	// never decided without the revision.
	if edits.old {
		if _, err := tx.Exec(ctx, query(db, "update_digest"), d.Name, d.Digest); err != nil {
			return nil, err
		}
	}
	rollsOut := false
	if edits.terms {
		if err := tx.QueryRow(ctx, query(db, "insert_revision"), d.Name, d.Digest, d.Terms, d.Scope).Scan(&rollsOut); err != nil {
			return nil, err
		}
	}
	if rollsOut {
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
		if _, err := tx.Exec(ctx, query(db, "enqueue_rollout"), d.Name); err != nil {
			return nil, err
		}
	}
	if edits.reach {
		if _, err := tx.Exec(ctx, query(db, "enqueue_campaign"), d.Name); err != nil {
			return nil, err
		}
	}
	return readCampaign(ctx, tx, db, d.Name, d.Policy.UID)
}

// writeCampaign writes the campaign's row if it differs, and locks it until the transaction ends.
func writeCampaign(ctx context.Context, tx pgx.Tx, db *postgres.DB, d Declaration) (edits, error) {
	for {
		present, err := lockCampaign(ctx, tx, db, d.Name, d.Policy.UID)
		if err != nil {
			return edits{}, err
		}
		edits := present.edits(d)
		if !edits.spec {
			return edits, nil
		}
		switch {
		case d.Mode == PolicyMissing:
			_, err := tx.Exec(ctx, query(db, "set_policy_missing"), d.Name, d.UID, d.Generation)
			return edits, err
		case present.exists:
			_, err := tx.Exec(ctx, query(db, "update_campaign"), d.columns(present))
			return edits, err
		}
		tag, err := tx.Exec(ctx, query(db, "insert_campaign"), d.columns(present))
		if err != nil || tag.RowsAffected() > 0 {
			return edits, err
		}
		// Another transaction inserted the row first: compare with that one.
	}
}

// columns are the values of the campaign's row.
func (d *Declaration) columns(present *campaignRow) pgx.StrictNamedArgs {
	policy, limit := d.Policy, d.PairsPerReferrer
	if d.Terms == nil {
		policy, limit = present.policy, present.pairsPerReferrer
	}
	var pairsPerReferrer *int64
	if limit > 0 {
		pairsPerReferrer = &limit
	}
	var budget *int64
	var currency *string
	if d.Budget != nil {
		budget, currency = &d.Budget.Amount, &d.Budget.Currency
	}
	return pgx.StrictNamedArgs{
		"name": d.Name, "mode": d.Mode, "starts_at": nullable(d.StartsAt), "ends_at": nullable(d.EndsAt),
		"attribution_window": d.AttributionWindow.Microseconds(), "destination": d.Destination,
		"budget_amount": budget, "budget_currency": currency, "resync_interval": d.ResyncInterval.Microseconds(),
		"pairs_per_referrer": pairsPerReferrer,
		"uid":                d.UID, "generation": d.Generation,
		"policy": policy.Name, "policy_uid": policy.UID, "policy_generation": policy.Generation,
	}
}

// lockCampaign locks the campaign's row, if there is one, and returns what is in force.
func lockCampaign(ctx context.Context, tx pgx.Tx, db *postgres.DB, name, policyUID string) (*campaignRow, error) {
	if _, err := tx.Exec(ctx, query(db, "lock_campaign"), name); err != nil {
		return nil, err
	}
	return readCampaign(ctx, tx, db, name, policyUID)
}
