package database

import (
	"context"
	"time"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// campaignRow is what is in force for a campaign, with the epoch and the owner
// it is in force under.
type campaignRow struct {
	epoch    int64
	ownerUID string // empty: nobody, or given up

	exists           bool
	mode             reward.Mode
	startsAt, endsAt time.Time
	window           time.Duration
	destination      string
	budget           reward.Money // zero: no limit
	resyncInterval   time.Duration
	uid              string
	generation       int64
	policy           Policy
	revision         int // the newest
	digest           string
}

func readCampaign(ctx context.Context, from querier, sql, name string) (*campaignRow, error) {
	var c campaignRow
	var startsAt, endsAt *time.Time
	var window, resyncInterval int64
	err := from.QueryRow(ctx, sql, name).Scan(&c.epoch, &c.ownerUID, &c.exists, &c.mode, &startsAt, &endsAt, &window,
		&c.destination, &c.budget.Amount, &c.budget.Currency, &resyncInterval, &c.uid, &c.generation, &c.policy.Name, &c.policy.UID, &c.policy.Generation, &c.revision, &c.digest)
	c.startsAt, c.endsAt = timeOf(startsAt), timeOf(endsAt)
	c.window = time.Duration(window) * time.Microsecond
	c.resyncInterval = time.Duration(resyncInterval) * time.Microsecond
	return &c, err
}

// edits are the ways in which a declaration differs from what is in force.
type edits struct {
	spec  bool // anything of the campaign's row
	terms bool // a revision is to be recorded
	line  bool // those in line may be served, or lack something else
	room  bool // whoever is next in line may be served
	reach bool // other signups may be bound, or other pairs admitted
	judge bool // purchases of those who are bound may count that did not
}

func (e edits) any() bool       { return e.spec || e.terms || e.line || e.room || e.reach || e.judge }
func (e edits) decisions() bool { return e.terms || e.line || e.room || e.reach || e.judge }

func (c *campaignRow) edits(d Declaration) edits {
	switch {
	case c.stale(d), d.Terms == nil && !c.exists:
		return edits{}
	case d.Mode == reward.PolicyMissing:
		return edits{spec: c.mode != d.Mode, reach: c.mode != d.Mode}
	case !c.exists:
		return edits{spec: true, terms: c.revision == 0 || c.digest != d.Digest, reach: true}
	}
	var e edits
	e.terms = d.Terms != nil && c.digest != d.Digest
	moved := c.window != d.AttributionWindow ||
		!c.startsAt.Equal(d.StartsAt.Truncate(time.Microsecond)) || !c.endsAt.Equal(d.EndsAt.Truncate(time.Microsecond))
	e.reach = c.mode != d.Mode || moved
	budget := reward.Money{}
	if d.Budget != nil {
		budget = *d.Budget
	}
	// The cap is one of the terms.
	e.line = e.terms || c.budget.Currency != budget.Currency
	e.room = c.budget.Amount != budget.Amount
	// Who is bound may not have the link any more that reach goes by.
	e.judge = moved || c.budget.Currency != budget.Currency
	e.spec = e.reach || c.budget != budget || c.destination != d.Destination || c.resyncInterval != d.ResyncInterval || c.uid != d.UID || c.generation != d.Generation ||
		d.Terms != nil && c.policy != d.Policy
	return e
}

// stale tells whether the declaration is from a cache that lags behind what
// was declared already.
func (c *campaignRow) stale(d Declaration) bool {
	if !c.exists {
		return false
	}
	return c.uid == d.UID && d.Generation < c.generation ||
		d.Terms != nil && c.policy.UID == d.Policy.UID && d.Policy.Generation < c.policy.Generation
}

func (c *campaignRow) declared(d Declaration) Declared {
	return Declared{Revision: c.revision, Digest: c.digest, Epoch: c.epoch, Stale: c.stale(d)}
}
