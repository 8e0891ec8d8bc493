package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// withholdCause is why decisions are withheld.
type withholdCause string

// causeMassReversal withholds reversals because too many rows of facts are missing.
const causeMassReversal withholdCause = "MassReversal"

// States of an incident; see the comment of referral.incident.
const (
	incidentCounting  = "Counting"
	incidentOpen      = "Open"
	incidentReported  = "Reported"
	incidentPermitted = "Permitted"
)

// incident is a row of referral.incident that the batch has locked.
type incident struct {
	id, campaign, state string
	present, withheld   int64
	changed             bool // differs from the recorded row
}

// withholding is what a batch withholds, or finds withheld, in one campaign for one cause.
type withholding struct {
	loss
	incidents      []*incident
	lost           []PairKey             // pairs that the decisions would reverse because their rows are missing
	withheldBefore map[PairKey]*incident // pairs that were withheld when the batch began
	counted        map[PairKey]bool      // pairs already counted as lost in this interval

	// What the batch changes.
	newlyWithheld []PairKey // withheld from now on
	target        *incident // the incident that these are added to
	released      []PairKey // no longer withheld
	newlyCounted  []PairKey // counted as lost from now on
	uncounted     []PairKey // no longer counted: their rows are back
}

// withhold drops reversals caused by missing rows once they exceed the mass-reversal limit: it
// takes their referees out of the batch and records their pairs as withheld. Pairs whose rows are
// back, and pairs of a permitted incident, are released.
//
// All reversals of a batch in one campaign are judged together. A resync that is still counting
// withholds all of them, and judges them when it has compared everything.
func (b *batch) withhold(ctx context.Context) error {
	all := map[string]*withholding{}
	for _, r := range b.referees {
		for _, lost := range r.lostPairs() {
			withholdingOf(all, lost.campaign).lost = append(withholdingOf(all, lost.campaign).lost, PairKey{r.UserID, lost.purchaseID})
		}
	}
	if err := b.loadWithholdings(ctx, all); err != nil || len(all) == 0 {
		return err
	}
	withheld := map[string]bool{} // user_ids
	for _, w := range byCampaign(all) {
		w.judge(b, withheld)
	}
	for _, w := range byCampaign(all) {
		w.applyJudgement(b, withheld)
	}
	b.withheldUsers = slices.Sorted(maps.Keys(withheld))
	for _, userID := range b.withheldUsers {
		for _, campaign := range b.byID[userID].outcome.Deferred {
			b.withheldDeferred.add(campaign, userID)
		}
	}
	b.drop(func(r *referee) bool { return withheld[r.UserID] })
	return b.recordWithholdings(ctx, byCampaign(all))
}

func withholdingOf(all map[string]*withholding, campaign string) *withholding {
	if all[campaign] == nil {
		all[campaign] = &withholding{
			loss: loss{campaign: campaign}, withheldBefore: map[PairKey]*incident{}, counted: map[PairKey]bool{},
		}
	}
	return all[campaign]
}

// byCampaign orders the withholdings as campaigns are locked.
func byCampaign(all map[string]*withholding) []*withholding {
	return slices.SortedFunc(maps.Values(all), func(a, b *withholding) int { return cmp.Compare(a.campaign, b.campaign) })
}

// judge adds to withheld the referees that have to be withheld: those with a pair that was withheld
// and may not be reversed yet, or is not decided while its campaign is suspended, and, if the lost
// pairs exceed the limit, those with a lost pair.
func (w *withholding) judge(b *batch, withheld map[string]bool) {
	for key, i := range w.withheldBefore {
		r := b.byID[key.UserID]
		if r.cause != nil {
			continue // the referee is set aside, and the pair stays withheld
		}
		switch r.evidence(key.PurchaseID) {
		case rowsUnknown:
			withheld[key.UserID] = true
		case rowsMissing:
			if i.state != incidentPermitted {
				withheld[key.UserID] = true
			}
		case rowsPresent:
		}
	}
	var found []PairKey // not withheld before
	var fresh int64     // of these, not counted yet
	for _, key := range w.lost {
		if w.withheldBefore[key] != nil {
			continue
		}
		found = append(found, key)
		if !w.counted[key] {
			fresh++
		}
	}
	switch {
	case len(found) == 0:
		return
	case b.countsLosses && !w.hasOpenIncident():
		w.target = w.incidentIn(incidentCounting)
	case w.hasOpenIncident() || !w.withinLimit(fresh):
		w.target = w.incidentIn(incidentOpen)
	default:
		return
	}
	w.newlyWithheld = found
	for _, key := range found {
		withheld[key.UserID] = true
	}
}

// applyJudgement computes what changes, once all campaigns have been judged.
func (w *withholding) applyJudgement(b *batch, withheld map[string]bool) {
	for key, i := range w.withheldBefore {
		switch b.byID[key.UserID].evidence(key.PurchaseID) {
		case rowsUnknown:
			continue
		case rowsMissing:
			if withheld[key.UserID] {
				continue
			}
		case rowsPresent:
			if w.counted[key] {
				w.uncounted = append(w.uncounted, key)
				w.pairs--
			}
		}
		w.released = append(w.released, key)
		i.withheld--
		i.changed = true
	}
	added := w.target != nil
	if added {
		w.target.withheld += int64(len(w.newlyWithheld))
		w.target.changed = true
	}
	for _, key := range w.lost {
		// Pairs of a referee that another campaign withholds are neither recorded nor counted.
		if w.withheldBefore[key] == nil && !w.counted[key] && (added || !withheld[key.UserID]) {
			w.newlyCounted = append(w.newlyCounted, key)
			w.pairs++
		}
	}
}

// hasOpenIncident reports whether an incident of the campaign is not permitted. While there is one,
// all further reversals caused by missing rows are withheld.
func (w *withholding) hasOpenIncident() bool {
	return slices.ContainsFunc(w.incidents, func(i *incident) bool { return i.state == incidentOpen || i.state == incidentReported })
}

// incidentIn returns the incident in the given state that pairs may be added to; it begins one if
// there is none.
func (w *withholding) incidentIn(state string) *incident {
	for _, i := range w.incidents {
		if i.state == state {
			return i
		}
	}
	i := newIncident(w.campaign, state, w.present)
	w.incidents = append(w.incidents, i)
	return i
}

// evidence is what the decisions say about the rows that a recorded pair rests on.
type evidence int

const (
	rowsUnknown evidence = iota // nothing was decided: the referee is set aside, or the campaign is suspended
	rowsMissing                 // the pair would be reversed because its purchase or signup is missing
	rowsPresent                 // all other cases
)

// evidence reports whether the referee's decisions reverse a pair because its rows are missing.
func (r *referee) evidence(purchaseID string) evidence {
	if r.cause != nil {
		return rowsUnknown
	}
	before := r.pair(purchaseID)
	if before == nil || !before.State.Occupies() {
		return rowsPresent
	}
	for i := range r.outcome.Decisions {
		d := &r.outcome.Decisions[i]
		switch {
		case d.PurchaseID != purchaseID:
		case d.State == reward.Reversed && d.Reason == reward.PurchaseRemoved:
			return rowsMissing
		default:
			return rowsPresent
		}
	}
	return rowsUnknown
}

type lostPair struct{ campaign, purchaseID string }

// lostPairs lists the held and granted pairs that would be reversed because the purchase or the
// signup is missing.
func (r *referee) lostPairs() []lostPair {
	var all []lostPair
	for i := range r.Pairs {
		if p := &r.Pairs[i]; r.evidence(p.PurchaseID) == rowsMissing {
			all = append(all, lostPair{p.Campaign, p.PurchaseID})
		}
	}
	return all
}

// loadWithholdings reads the withheld pairs of the batch's referees, and locks and reads the counts
// of each campaign concerned.
func (b *batch) loadWithholdings(ctx context.Context, all map[string]*withholding) error {
	type row struct {
		campaign, incident string
		PairKey
	}
	var rows []row
	if b.hasIncidents {
		found, err := b.tx.Query(ctx, b.statement("load_withheld"), b.userIDs(), causeMassReversal)
		if err != nil {
			return err
		}
		var w row
		keep := b.each([]any{&w.UserID, &w.campaign, &w.PurchaseID, &w.incident}, func() {
			rows = append(rows, w)
			withholdingOf(all, w.campaign)
		})
		if err := keep(found); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return nil
	}
	if err := b.lockLosses(ctx, all); err != nil {
		return err
	}
	for i := range rows {
		w := &rows[i]
		for _, i := range all[w.campaign].incidents {
			if i.id == w.incident {
				all[w.campaign].withheldBefore[w.PairKey] = i
			}
		}
	}
	return b.loadCounted(ctx, all)
}

// lockLosses locks the counts of these campaigns, ordered by name, then their incidents, and reads
// both.
func (b *batch) lockLosses(ctx context.Context, all map[string]*withholding) error {
	names := slices.Collect(maps.Keys(all))
	var q pgx.Batch
	q.Queue(b.statement("lock_loss"), names)
	var i incident
	q.Queue(b.statement("lock_incident"), names, causeMassReversal).Query(func(rows pgx.Rows) error {
		return postgres.ForEachRow(rows, []any{&i.id, &i.campaign, &i.state, &i.withheld}, func() error {
			found := i
			all[i.campaign].incidents = append(all[i.campaign].incidents, &found)
			return nil
		})
	})
	var l loss
	q.Queue(b.statement("load_loss"), names).Query(func(rows pgx.Rows) error {
		return postgres.ForEachRow(rows, []any{&l.campaign, &l.restarts, &l.pairs, &l.present}, func() error {
			l.limit = b.engine.options.LossLimit
			all[l.campaign].loss = l
			return nil
		})
	})
	return b.send(ctx, &q)
}

// loadCounted reads which of the pairs concerned are counted already.
func (b *batch) loadCounted(ctx context.Context, all map[string]*withholding) error {
	var keys lostPairColumns
	for _, w := range all {
		if w.restarts {
			continue
		}
		keys.add(w.campaign, w.lost)
		for key := range w.withheldBefore {
			keys.add(w.campaign, []PairKey{key})
		}
	}
	if len(keys.userID) == 0 {
		return nil
	}
	rows, err := b.tx.Query(ctx, b.statement("load_lost_pair"), keys.campaign, keys.userID, keys.purchaseID)
	if err != nil {
		return err
	}
	var campaign string
	var key PairKey
	return b.each([]any{&campaign, &key.UserID, &key.PurchaseID}, func() { all[campaign].counted[key] = true })(rows)
}

// lostPairColumns are pairs as parameters.
type lostPairColumns struct{ campaign, userID, purchaseID, incident []string }

func (c *lostPairColumns) add(campaign string, keys []PairKey) {
	for _, key := range keys {
		c.campaign, c.userID, c.purchaseID = append(c.campaign, campaign), append(c.userID, key.UserID), append(c.purchaseID, key.PurchaseID)
	}
}

// sweptLostPairs is how many pairs of earlier intervals are deleted when counting restarts.
const sweptLostPairs = 10_000

// recordWithholdings writes what changes in withheld and counted pairs.
func (b *batch) recordWithholdings(ctx context.Context, all []*withholding) error {
	var added, released, counted, uncounted lostPairColumns
	var losses lossColumns
	var incidents incidentColumns
	var restarted []string
	for _, w := range all {
		losses.add(&w.loss)
		if w.restarts {
			restarted = append(restarted, w.campaign)
		}
		for _, i := range w.incidents {
			incidents.add(i)
		}
		released.add(w.campaign, w.released)
		counted.add(w.campaign, w.newlyCounted)
		uncounted.add(w.campaign, w.uncounted)
		added.add(w.campaign, w.newlyWithheld)
		for range w.newlyWithheld {
			added.incident = append(added.incident, w.target.id)
		}
	}
	var writes pgx.Batch
	write := func(name string, rows int, arguments ...any) {
		if rows > 0 {
			writes.Queue(b.statement(name), arguments...)
		}
	}
	write("remove_withheld", len(released.userID), causeMassReversal, released.campaign, released.userID, released.purchaseID)
	write("record_withheld", len(added.userID), pgx.StrictNamedArgs{
		"cause": causeMassReversal, "campaigns": added.campaign, "user_ids": added.userID,
		"purchase_ids": added.purchaseID, "incidents": added.incident,
	})
	write("record_incident", len(incidents.id), pgx.StrictNamedArgs{
		"cause": causeMassReversal, "ids": incidents.id, "campaigns": incidents.campaign,
		"states": incidents.state, "present": incidents.present, "withheld": incidents.withheld,
	})
	write("remove_incident", len(incidents.over), incidents.over)
	write("record_loss", len(losses.campaign), losses.campaign, losses.restarts, losses.present, losses.lost)
	write("sweep_lost_pair", len(restarted), restarted, sweptLostPairs)
	write("remove_lost_pair", len(uncounted.userID), uncounted.campaign, uncounted.userID, uncounted.purchaseID)
	write("record_lost_pair", len(counted.userID), counted.campaign, counted.userID, counted.purchaseID)
	return b.send(ctx, &writes)
}

type incidentColumns struct {
	id, campaign, state []string
	present, withheld   []int64
	over                []string // ids
}

func (c *incidentColumns) add(i *incident) {
	switch {
	case !i.changed:
	case i.withheld <= 0:
		c.over = append(c.over, i.id)
	default:
		c.id, c.campaign, c.state = append(c.id, i.id), append(c.campaign, i.campaign), append(c.state, i.state)
		c.present, c.withheld = append(c.present, i.present), append(c.withheld, i.withheld)
	}
}
