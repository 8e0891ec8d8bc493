package database

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// TermsBytes is more than the JSON of any policy's terms: a condition of 4096 characters, up to six
// bytes each, minimum amounts in 32 currencies, and 8 rewards with 32 tiers or maximum amounts each
// come to some 50 KiB. The database may contain longer texts, which are not parsed.
const TermsBytes = 64 << 10

// An engine keeps all revisions of its database, so there must not be too many.
const (
	// RevisionsBytes is the memory that revisions may take in an engine.
	RevisionsBytes = 8 << 20

	// editsBytes is the memory that edits of terms may use up: some 4,000 of a usual policy. The rest
	// is for edits that return to the terms before.
	editsBytes = 7 << 20
)

// campaignRow is what is in force for a campaign, with the schema's owner.
type campaignRow struct {
	ownerUID string // empty: the schema has no owner, or its owner gave it up

	exists           bool
	mode             Mode
	startsAt, endsAt time.Time
	window           time.Duration
	destination      string
	budget           Money // zero: no limit
	resyncInterval   time.Duration
	pairsPerReferrer int64 // zero: no limit
	uid              string
	generation       int64
	policy           Policy
	policyGeneration int64 // the highest generation of the declared policy that was ever in force
	revision         int   // the newest
	digest           string
	besideLimits     []byte   // JSON of its terms without limits; nil: it was recorded without
	deletedUIDs      []string // of objects whose declarations are ignored
}

// readCampaign returns what is in force for a campaign, as it concerns a declaration that follows
// the policy with this UID; empty: none.
func readCampaign(ctx context.Context, from querier, db *postgres.DB, name, policyUID string) (*campaignRow, error) {
	var c campaignRow
	var startsAt, endsAt *time.Time
	var window, resyncInterval int64
	err := from.QueryRow(ctx, query(db, "read_campaign"), name, policyUID).Scan(&c.ownerUID, &c.exists, &c.mode, &startsAt, &endsAt, &window,
		&c.destination, &c.budget.Amount, &c.budget.Currency, &resyncInterval, &c.pairsPerReferrer, &c.uid, &c.generation,
		&c.policy.Name, &c.policy.UID, &c.policy.Generation, &c.policyGeneration,
		&c.revision, &c.digest, &c.besideLimits, &c.deletedUIDs)
	c.startsAt, c.endsAt = timeOf(startsAt), timeOf(endsAt)
	c.window = time.Duration(window) * time.Microsecond
	c.resyncInterval = time.Duration(resyncInterval) * time.Microsecond
	return &c, err
}

// edits are the differences between a declaration and what is in force.
type edits struct {
	spec  bool // any column of the campaign's row
	terms bool // a revision must be recorded
	old   bool // the newest revision was recorded with limits, and has the digest of these as well
	money bool // the budget's amount
	unit  bool // the budget's currency
	limit bool // the cap
	reach bool // other signups may be attributed, or other pairs admitted
	judge bool // other purchases of attributed signups may count
}

func (e edits) any() bool       { return e.spec || e.old || e.decisions() }
func (e edits) decisions() bool { return e.money || e.limit || e.waiting() }

// waiting reports whether decisions about waiting pairs may change.
func (e edits) waiting() bool { return e.terms || e.unit || e.reach || e.judge }

func (c *campaignRow) edits(d Declaration) edits {
	switch {
	case c.stale(d), c.resumes(d), d.Terms == nil && !c.exists:
		return edits{}
	case d.Mode == PolicyMissing:
		same := c.uid == d.UID && c.generation == d.Generation
		return edits{spec: c.mode != d.Mode || !same, reach: c.mode != d.Mode}
	case !c.exists:
		return edits{spec: true, terms: c.revision == 0 || !c.follows(d), reach: true}
	}
	moved, budget := c.moved(d), budgetOf(d)
	unit := c.budget.Currency != budget.Currency
	e := edits{
		money: c.budget.Amount != budget.Amount,
		unit:  unit,
		reach: c.mode != d.Mode || moved,
		judge: moved || unit, // expanding the campaign misses an attributed signup whose link has been removed
	}
	if d.Terms != nil {
		e.terms, e.limit = !c.follows(d), c.pairsPerReferrer != d.PairsPerReferrer
		e.old = !e.terms && c.digest != d.Digest
	}
	e.spec = e.reach || e.money || e.unit || e.limit || c.identity() != identityOf(d) || d.Terms != nil && c.policy != d.Policy
	return e
}

// follows reports whether the newest revision has the declared terms.
func (c *campaignRow) follows(d Declaration) bool {
	return c.digest == d.Digest || c.besideLimits != nil && len(c.besideLimits) <= TermsBytes && sameJSON(c.besideLimits, d.Terms)
}

// sameJSON reports whether two texts say the same. Amounts are compared exactly.
func sameJSON(a, b []byte) bool {
	read := func(text []byte) (value any, err error) {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		err = decoder.Decode(&value)
		return value, err
	}
	x, errX := read(a)
	y, errY := read(b)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

// moved reports whether the campaign's period or window differs.
func (c *campaignRow) moved(d Declaration) bool {
	return c.window != d.AttributionWindow ||
		!c.startsAt.Equal(d.StartsAt.Truncate(time.Microsecond)) || !c.endsAt.Equal(d.EndsAt.Truncate(time.Microsecond))
}

func budgetOf(d Declaration) Money {
	if d.Budget == nil {
		return Money{}
	}
	return *d.Budget
}

// identity are the columns of a campaign that no decision depends on.
type identity struct {
	uid            string
	generation     int64
	destination    string
	resyncInterval time.Duration
}

func (c *campaignRow) identity() identity {
	return identity{c.uid, c.generation, c.destination, c.resyncInterval}
}

func identityOf(d Declaration) identity {
	return identity{d.UID, d.Generation, d.Destination, d.ResyncInterval}
}

// stale reports whether the declaration is older than what is in force: it comes from a cache that
// lags behind, or from an API server that was restored. Declarations of a deleted object are always
// stale.
func (c *campaignRow) stale(d Declaration) bool {
	if !c.exists {
		return false
	}
	campaign, policy := c.later(d)
	return c.deleted(d.UID) || c.uid == d.UID && c.mode == Reversing || campaign > 0 || policy > 0
}

// resumes reports whether the declaration may come from a cache that lacks the annotation by which
// the same generation of its object has suspended the campaign.
func (c *campaignRow) resumes(d Declaration) bool {
	return d.Cached && c.exists && c.mode == Suspended && d.Mode != Suspended && c.uid == d.UID && c.generation == d.Generation
}

// later returns the generations of the campaign's object and of the policy that are in force, if
// they are later than those of the declaration; else zero.
func (c *campaignRow) later(d Declaration) (campaign, policy int64) {
	if c.uid == d.UID && c.generation > d.Generation {
		campaign = c.generation
	}
	if d.Terms != nil && c.policyGeneration > d.Policy.Generation {
		policy = c.policyGeneration
	}
	return campaign, policy
}

// deleted reports whether the deletion of the object with this UID is recorded.
func (c *campaignRow) deleted(uid string) bool { return slices.Contains(c.deletedUIDs, uid) }

// declaredAfter reports whether a later object than the one with this UID declared the campaign
// last. What it replaced is recorded as deleted.
func (c *campaignRow) declaredAfter(uid string) bool { return c.uid != uid && c.deleted(uid) }

func (c *campaignRow) declared(d Declaration) Declared {
	declared := Declared{
		Revision: c.revision, Digest: postgres.Plain(c.digest, 500), Stale: c.stale(d), Deleted: c.deleted(d.UID), Resumes: c.resumes(d),
		Policy: Policy{Name: idOf(c.policy.Name), UID: idOf(c.policy.UID), Generation: c.policy.Generation},
	}
	if declared.Stale {
		declared.LaterGeneration, declared.LaterPolicyGeneration = c.later(d)
	}
	return declared
}
