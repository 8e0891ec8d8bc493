package engine

import (
	"slices"
	"time"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// differences are what has to be written so that what is recorded of a batch's
// referees is what was decided.
type differences struct {
	digests           digestColumns
	pairs             []*pairRow
	hasClaims         bool // pairs claimed capacity: the order in which they are written is that of admission
	credits           creditColumns
	creditRemovals    creditRemovalColumns
	entries           ledgerColumns
	referrers         referrerColumns
	accounts          accountColumns
	pairCounts        map[string]*pairCount // by campaign
	creditCounts      creditCountColumns
	deferred          deferredColumns
	postponedReferees []string         // user_ids none of whose holds' ends are due until they are decided again
	postponedPairs    pairKeyColumns   // pairs whose hold's end is not due until their campaign is open again
	waitlistWrites    []*waitlistWrite // that join the waitlist, or stand in it otherwise than is recorded
	waitlistRemovals  pairKeyColumns   // that leave it
	waitlistReferrers referrerColumns  // referrers of whom something on it changes
	setAside          setAsideColumns
	decided           []string // user_ids
}

// pairRow is a pair that is recorded for the first time or differently.
type pairRow struct {
	userID string
	reward.Decision
	isNew         bool   // not recorded before
	admitted      bool   // Held or Granted, and was not before
	drawsOrder    bool   // from now on: it gets the next admission order
	order         *int64 // that order
	waitlistWrite *waitlistWrite
}

// waitingPair is a row of the waitlist to be written.
type waitlistWrite struct {
	userID, purchaseID string
	waitlistRow
}

// newDifferences has room for what a batch of that many new referees comes to.
func newDifferences(referees int) *differences {
	return &differences{
		pairs:     make([]*pairRow, 0, referees),
		credits:   newCreditColumns(referees),
		entries:   newEntryColumns(referees),
		referrers: newReferrerColumns(referees),
		accounts:  newAccountColumns(referees),
		decided:   make([]string, 0, referees),
	}
}

type referrerKey struct{ campaign, referrerID string }

func (p *pairRow) referrer() referrerKey { return referrerKey{p.Campaign, p.ReferrerID} }

// compare adds what is different about one referee.
func (d *differences) compare(r *referee, config *reward.Configuration, now time.Time) {
	if r.cause != nil {
		d.setAside.add(r.UserID, r.cause)
		d.postponedReferees = append(d.postponedReferees, r.UserID)
		return
	}
	for _, campaign := range r.outcome.Deferred {
		d.deferred.add(campaign, r.UserID)
	}
	d.decided = append(d.decided, r.UserID)
	recorded := make(map[string]*reward.Pair, len(r.Pairs))
	for i := range r.Pairs {
		recorded[r.Pairs[i].PurchaseID] = &r.Pairs[i]
	}
	known := len(r.Pairs)
	for i := range r.outcome.Decisions {
		decision := &r.outcome.Decisions[i]
		before := recorded[decision.PurchaseID]
		if before == nil && decision.State != reward.NotCounting {
			known++
		}
		delete(recorded, decision.PurchaseID)
		row := d.comparePair(r, before, decision)
		d.compareWaiting(r, decision, row, config)
		d.compareCredits(r, before, decision)
	}
	for _, frozen := range recorded {
		if frozen.State == reward.Held && !frozen.MaturesAt.After(now) && !r.postponedPairs[frozen.PurchaseID] {
			d.postponedPairs.add(r.UserID, frozen.PurchaseID)
		}
	}
	d.removeWithoutPair(r, config)
	d.countAwaiting(r, known)
	for campaign, broke := range r.outcome.ConditionErrors {
		d.countsOf(campaign).conditionErrors += broke
	}
	for i := range r.entries {
		r.markDrift(r.entries[i].PurchaseID)
		d.addEntry(r, &r.entries[i])
	}
}

// comparePair adds the pair, and returns it, if it is new or differs.
func (d *differences) comparePair(r *referee, before *reward.Pair, decision *reward.Decision) *pairRow {
	if decision.State == reward.NotCounting {
		return nil
	}
	row := &pairRow{userID: r.UserID, Decision: *decision}
	gone, rebuilt := r.rebuilt[decision.PurchaseID]
	same := before != nil && samePair(before, decision) && r.hasExpectedCredits(decision)
	if same && !rebuilt && !r.postponedPairs[decision.PurchaseID] {
		return nil
	}
	if !same || !rebuilt || gone || r.altered(decision.PurchaseID) {
		r.markDrift(decision.PurchaseID)
	}
	row.isNew = before == nil || gone
	row.admitted = decision.State.Occupies() && (before == nil || !before.State.Occupies())
	row.drawsOrder = gone || decision.State != reward.Reversed && decision.Order == 0
	d.countPair(before, decision)
	d.pairs = append(d.pairs, row)
	return row
}

// compareWaiting adds what differs about the pair's row on the waitlist. row is the pair's own, where
// that is written.
func (d *differences) compareWaiting(r *referee, decision *reward.Decision, row *pairRow, config *reward.Configuration) {
	was := r.waitlistRows[decision.PurchaseID]
	if decision.Need == nil {
		if was != nil {
			r.markDrift(decision.PurchaseID)
			d.waitlistRemovals.add(r.UserID, decision.PurchaseID)
			d.waitlistReferrers.add(was.campaign, was.referrerID, 0)
		}
		return
	}
	campaign := config.Campaigns[decision.Campaign]
	is := waitlistRow{
		campaign: decision.Campaign, referrerID: decision.ReferrerID, order: decision.Order,
		growing: decision.State != reward.Waiting, need: *decision.Need, edit: campaign.Edit,
	}
	if was != nil && !is.growing && campaign.Mode != reward.Open {
		is.edit = was.edit // the row is a candidate once the campaign opens again, under whichever edit
	}
	if was != nil && was.same(&is) {
		return
	}
	if was == nil || was.altered || was.passedOver || !was.samePlace(&is) {
		r.markDrift(decision.PurchaseID)
	}
	if was != nil {
		d.waitlistReferrers.add(was.campaign, was.referrerID, 0)
	}
	w := &waitlistWrite{r.UserID, decision.PurchaseID, is}
	d.waitlistWrites = append(d.waitlistWrites, w)
	d.waitlistReferrers.add(is.campaign, is.referrerID, 0)
	if row != nil {
		row.waitlistWrite = w
	}
}

// removeUnpaired removes rows of the waitlist without a pair. One whose purchase waits is written anew
// after that.
func (d *differences) removeWithoutPair(r *referee, config *reward.Configuration) {
	for purchaseID, row := range r.waitlistWithoutPair {
		if campaign := config.Campaigns[row.campaign]; campaign != nil && campaign.Mode == reward.Suspended {
			continue
		}
		r.markDrift(purchaseID)
		d.waitlistRemovals.add(r.UserID, purchaseID)
		d.waitlistReferrers.add(row.campaign, row.referrerID, 0)
	}
}

// countPair counts the pair where it is now and no more where it was.
func (d *differences) countPair(before *reward.Pair, decision *reward.Decision) {
	if before != nil {
		d.countsOf(before.Campaign).add(before.State, -1)
		if before.Revision < decision.Revision {
			d.countsOf(decision.Campaign).revised++
		}
		if before.State.Occupies() {
			d.referrers.add(before.Campaign, before.ReferrerID, -1)
		}
	}
	d.countsOf(decision.Campaign).add(decision.State, +1)
	if decision.State.Occupies() {
		d.referrers.add(decision.Campaign, decision.ReferrerID, +1)
	}
}

func samePair(before *reward.Pair, now *reward.Decision) bool {
	return before.State == now.State && before.Reason == now.Reason && before.Revision == now.Revision &&
		before.Campaign == now.Campaign && before.ReferrerID == now.ReferrerID &&
		before.Ordinal == now.Ordinal && before.Allowed == now.Allowed && len(before.Credits) == len(now.Credits) &&
		before.QualifiedAt.Equal(now.QualifiedAt) && before.MaturesAt.Equal(now.MaturesAt)
}

// compareCredits adds what the pair earns differently, and what is held of it.
func (d *differences) compareCredits(r *referee, before *reward.Pair, decision *reward.Decision) {
	kept := 0
	// Accounts and counters have what is decided, not what was read.
	counted := r.countedHeld[decision.PurchaseID] && decision.State == reward.Held
	credits := r.creditsOf(decision.PurchaseID)
	for i := range credits {
		was := &credits[i]
		// What was altered is not what accounts and counters have; a resync adds these up.
		if before != nil && before.State == reward.Held && !counted && (was.intact || was.unchecked) {
			d.addHeld(was.campaign, &was.Credit, -1)
		}
		same := was.campaign == decision.Campaign && slices.Contains(decision.Credits, was.Credit)
		switch {
		case same && was.intact:
			kept++
		case same && was.unchecked:
			kept++
			d.creditRemovals.add(r.UserID, was.purchaseID, was.Reward)
			d.credits.add(r.UserID, decision, &was.Credit)
		default:
			r.markDrift(was.purchaseID)
			d.creditRemovals.add(r.UserID, was.purchaseID, was.Reward)
		}
	}
	for i := range decision.Credits {
		credit := &decision.Credits[i]
		if decision.State == reward.Held && !counted {
			d.addHeld(decision.Campaign, credit, +1)
		}
		if kept == 0 || !r.hasRecorded(decision, credit) {
			r.markDrift(decision.PurchaseID)
			d.credits.add(r.UserID, decision, credit)
		}
	}
}

// recorded tells whether the credit stands in the database as it was decided.
func (r *referee) hasRecorded(decision *reward.Decision, credit *reward.Credit) bool {
	return slices.ContainsFunc(r.creditsOf(decision.PurchaseID), func(c recordedCredit) bool {
		return c.campaign == decision.Campaign && c.Credit == *credit && (c.intact || c.unchecked)
	})
}

// hold counts a credit as held, or with -1 as held no more.
func (d *differences) addHeld(campaign string, credit *reward.Credit, sign int64) {
	d.accounts.add(credit.BeneficiaryID, credit.Currency, 0, sign*credit.Amount)
	d.creditCounts.add(campaign, credit.Currency, 0, sign*credit.Amount)
}

// enter appends an entry to the ledger and to what follows it.
func (d *differences) addEntry(r *referee, entry *reward.Entry) {
	d.entries.add(r.UserID, entry)
	d.countsOf(entry.Campaign) // which dates the change
	d.accounts.add(entry.BeneficiaryID, entry.Currency, entry.Amount, 0)
	d.creditCounts.add(entry.Campaign, entry.Currency, entry.Amount, 0)
}
