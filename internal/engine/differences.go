package engine

import (
	"slices"
	"time"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// differences are what has to be written so that the recorded results of a batch's referees are
// what was decided.
type differences struct {
	basis             basisColumns
	pairs             []*pairRow
	hasClaims         bool // some pairs claimed capacity: pairs are written in admission order
	credits           creditColumns
	creditRemovals    creditRemovalColumns
	entries           ledgerColumns
	referrers         referrerColumns
	accounts          accountColumns
	pairCounts        map[string]*pairCount // by campaign
	creditCounts      creditCountColumns
	deferred          deferredColumns
	postponedReferees []string         // user_ids whose held pairs are not due until they are decided again
	postponedPairs    pairKeyColumns   // held pairs that are not due until their campaign is open again
	waitlistWrites    []*waitlistWrite // rows that join the waitlist or change there
	waitlistRemovals  pairKeyColumns   // rows that leave the waitlist
	waitlistReferrers referrerColumns  // referrers of rows that join, change or leave
	setAside          setAsideColumns
	requestsResync    bool     // counters and accounts may include foreign entries that are corrected
	decided           []string // user_ids
}

// pairRow is a pair to be recorded for the first time or differently.
type pairRow struct {
	userID string
	reward.Decision
	isNew         bool   // not recorded before
	restored      bool   // its row is missing or was altered
	admitted      bool   // Held or Granted now, and not before
	drawsOrder    bool   // it counts from now on and gets the next admission order
	order         *int64 // that order
	waitlistWrite *waitlistWrite
}

// waitlistWrite is a row of the waitlist to be written.
type waitlistWrite struct {
	userID, purchaseID string
	waitlistRow
}

// newDifferences returns differences with memory for the results of that many new referees.
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

// compare adds what differs about one referee.
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
		if r.waitsAsBefore(before, decision) {
			decision.Reason = before.Reason
		}
		row := d.comparePair(r, before, decision)
		d.compareWaiting(r, decision, row, config)
		d.compareCredits(r, before, decision)
		d.compareForeign(r, before, decision)
	}
	for _, undecided := range recorded { // pairs of a suspended campaign
		if undecided.State == reward.Held && !undecided.MaturesAt.After(now) && !r.postponedPairs[undecided.PurchaseID] {
			d.postponedPairs.add(r.UserID, undecided.PurchaseID)
		}
		d.endPassingOver(r, undecided)
	}
	d.removeWithoutPair(r, config)
	d.countAwaiting(r, known)
	for campaign, failed := range r.outcome.ConditionErrors {
		d.countsOf(campaign).conditionErrors += failed
	}
	for i := range r.entries {
		r.markDrift(r.entries[i].PurchaseID)
		d.addEntry(r, &r.entries[i])
	}
	d.addForeign(r)
}

// waitsAsBefore reports whether a resync found the pair waiting and it goes on waiting. Why it
// waits depends on other pairs and is not kept up to date, so that another reason is no drift.
func (r *referee) waitsAsBefore(before *reward.Pair, decision *reward.Decision) bool {
	return r.resynced && before != nil && before.State == reward.Waiting && decision.State == reward.Waiting &&
		!r.altered(decision.PurchaseID)
}

// comparePair adds the pair, and returns it, if it is new or differs.
func (d *differences) comparePair(r *referee, before *reward.Pair, decision *reward.Decision) *pairRow {
	if decision.State == reward.NotCounting {
		return nil
	}
	gone, rebuilt := r.rebuilt[decision.PurchaseID]
	row := &pairRow{userID: r.UserID, Decision: *decision, restored: rebuilt}
	same := before != nil && samePair(before, decision) && r.hasExpectedCredits(decision)
	if same && !rebuilt && !r.postponedPairs[decision.PurchaseID] {
		return nil
	}
	if !same || !rebuilt || gone || r.altered(decision.PurchaseID) {
		r.markDrift(decision.PurchaseID)
	}
	row.isNew = before == nil || gone
	row.admitted = decision.State.Occupies() && (before == nil || !before.State.Occupies())
	row.drawsOrder = (gone || decision.State != reward.Reversed) && decision.Order == 0
	if row.isNew && !row.drawsOrder {
		row.order = &row.Order // of a restored pair
	}
	d.countPair(before, decision)
	d.pairs = append(d.pairs, row)
	return row
}

// compareWaiting adds what differs about the pair's row on the waitlist. row is the pair to be
// written, or nil.
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
		is.edit = was.edit // so that the row is a candidate once the campaign is open again
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

// endPassingOver puts a pair of a suspended campaign back among the pairs that are considered when
// capacity is given out: its referee can be decided again, so the pair keeps its turn once the
// campaign is resumed.
func (d *differences) endPassingOver(r *referee, undecided *reward.Pair) {
	was := r.waitlistRows[undecided.PurchaseID]
	if was == nil || !was.passedOver || was.altered {
		return
	}
	is := *was
	is.passedOver = false
	r.markDrift(undecided.PurchaseID)
	d.waitlistWrites = append(d.waitlistWrites, &waitlistWrite{r.UserID, undecided.PurchaseID, is})
	d.waitlistReferrers.add(is.campaign, is.referrerID, 0)
}

// removeWithoutPair removes waitlist rows without a pair. If the purchase waits, its row is written
// again afterwards.
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

// countPair counts the pair in its new state instead of its old one. A referrer is concerned only
// if its number of admitted pairs changes: otherwise the batch need not have locked the campaign,
// and must not record what waits of the referrer.
func (d *differences) countPair(before *reward.Pair, decision *reward.Decision) {
	was := before != nil && before.State.Occupies()
	is := decision.State.Occupies()
	moves := was != is || was && (before.Campaign != decision.Campaign || before.ReferrerID != decision.ReferrerID)
	if before != nil {
		d.countsOf(before.Campaign).add(before.State, -1)
		if before.Revision < decision.Revision {
			d.countsOf(decision.Campaign).revised++
		}
		if was && moves {
			d.referrers.add(before.Campaign, before.ReferrerID, -1)
		}
	}
	d.countsOf(decision.Campaign).add(decision.State, +1)
	if is && moves {
		d.referrers.add(decision.Campaign, decision.ReferrerID, +1)
	}
}

func samePair(before *reward.Pair, now *reward.Decision) bool {
	return before.State == now.State && before.Reason == now.Reason && before.Revision == now.Revision &&
		before.Campaign == now.Campaign && before.ReferrerID == now.ReferrerID &&
		before.Ordinal == now.Ordinal && before.Allowed == now.Allowed && len(before.Credits) == len(now.Credits) &&
		before.QualifiedAt.Equal(now.QualifiedAt) && before.MaturesAt.Equal(now.MaturesAt)
}

// compareCredits adds the credits that differ, and what accounts and counters hold of them.
func (d *differences) compareCredits(r *referee, before *reward.Pair, decision *reward.Decision) {
	unchanged := 0
	// Accounts and counters already have the decided credits, not the ones that were read.
	counted := r.countedHeld[decision.PurchaseID] && decision.State == reward.Held
	credits := r.creditsOf(decision.PurchaseID)
	for i := range credits {
		was := &credits[i]
		// Accounts and counters do not have the altered amount; a resync adds them up.
		if before != nil && before.State == reward.Held && !counted && (was.intact || was.unchecked) {
			d.addHeld(was.campaign, &was.Credit, -1)
		}
		same := was.campaign == decision.Campaign && slices.Contains(decision.Credits, was.Credit)
		switch {
		case same && was.intact:
			unchanged++
		case same && was.unchecked:
			unchanged++
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
		if unchanged == 0 || !r.hasRecorded(decision, credit) {
			r.markDrift(decision.PurchaseID)
			d.credits.add(r.UserID, decision, credit)
		}
	}
}

// hasRecorded reports whether the credit is recorded as it was decided.
func (r *referee) hasRecorded(decision *reward.Decision, credit *reward.Credit) bool {
	return slices.ContainsFunc(r.creditsOf(decision.PurchaseID), func(c recordedCredit) bool {
		return c.campaign == decision.Campaign && c.Credit == *credit && (c.intact || c.unchecked)
	})
}

// addHeld counts a credit as held, or with -1 as no longer held.
func (d *differences) addHeld(campaign string, credit *reward.Credit, sign int64) {
	d.accounts.add(credit.BeneficiaryID, credit.Currency, 0, sign*credit.Amount)
	d.creditCounts.add(campaign, credit.Currency, 0, sign*credit.Amount, 0)
}

// addEntry appends an entry to the ledger and counts it. compareForeign counts what an entry grants
// that also corrects foreign entries.
func (d *differences) addEntry(r *referee, entry *reward.Entry) {
	d.entries.add(r.UserID, entry)
	d.countsOf(entry.Campaign) // writes changed_at
	granted := entry.Amount
	if r.foreign[entry.PurchaseID] != nil {
		granted = 0
	}
	d.accounts.add(entry.BeneficiaryID, entry.Currency, granted, 0)
	d.creditCounts.add(entry.Campaign, entry.Currency, granted, 0, -min(entry.Amount, 0))
}
