package engine

import (
	"slices"
	"time"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// differences are what has to be written so that what is recorded of a batch's
// referees is what was decided.
type differences struct {
	digests      digestColumns
	pairs        []pairRow
	credits      creditColumns
	gone         goneCreditColumns
	entries      entryColumns
	referrers    referrerColumns
	accounts     accountColumns
	pairCounts   map[string]*pairCount // by campaign
	creditCounts creditCountColumns
	parked       parkedColumns
	resting      []string // user_ids whose pairs are not looked at until something changes
	setAside     setAsideColumns
	decided      []string // user_ids
}

// pairRow is a pair that is recorded for the first time or differently.
type pairRow struct {
	userID string
	reward.Decision
	fresh    bool   // not recorded before
	admitted bool   // Held or Granted, and was not before
	counts   bool   // from now on: it gets a place at the end of the line
	order    *int64 // that place
	dueAt    *time.Time
}

// newDifferences has room for what a batch of that many new referees comes to.
func newDifferences(referees int) *differences {
	return &differences{
		pairs:     make([]pairRow, 0, referees),
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
func (d *differences) compare(r *referee) {
	switch {
	case r.cause != nil:
		d.setAside.add(r.UserID, r.cause)
		d.resting = append(d.resting, r.UserID)
		return
	case r.outcome.Frozen:
		d.parked.add(r.outcome.Deferred, r.UserID)
		d.resting = append(d.resting, r.UserID)
		return
	case r.outcome.Deferred != "":
		d.parked.add(r.outcome.Deferred, r.UserID)
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
		d.comparePair(r, before, decision)
		d.compareCredits(r, before, decision)
	}
	d.countAwaiting(r, known)
	for campaign, broke := range r.outcome.ConditionErrors {
		d.count(campaign).conditionErrors += broke
	}
	for i := range r.entries {
		r.drifted(r.entries[i].PurchaseID)
		d.enter(r, &r.entries[i])
	}
}

// comparePair adds the pair if it is new or differs.
func (d *differences) comparePair(r *referee, before *reward.Pair, decision *reward.Decision) {
	if decision.State == reward.NotCounting {
		return
	}
	row := pairRow{userID: r.UserID, Decision: *decision}
	if decision.State == reward.Held {
		row.dueAt = &row.MaturesAt
	}
	gone, rebuilt := r.rebuilt[decision.PurchaseID]
	same := before != nil && samePair(before, decision)
	if same && !rebuilt && sameDue(r.due[decision.PurchaseID], row.dueAt) {
		return
	}
	if !same || !rebuilt || gone || r.altered(decision.PurchaseID) {
		r.drifted(decision.PurchaseID)
	}
	row.fresh = before == nil || gone
	row.admitted = occupies(decision.State) && (before == nil || !occupies(before.State))
	row.counts = gone || decision.State != reward.Reversed && (before == nil || before.State == reward.Reversed)
	d.countPair(before, decision)
	d.pairs = append(d.pairs, row)
}

// countPair counts the pair where it is now and no more where it was.
func (d *differences) countPair(before *reward.Pair, decision *reward.Decision) {
	if before != nil {
		d.count(before.Campaign).in(before.State, -1)
		if before.Revision < decision.Revision {
			d.count(decision.Campaign).revised++
		}
		if occupies(before.State) {
			d.referrers.add(before.Campaign, before.ReferrerID, -1)
		}
	}
	d.count(decision.Campaign).in(decision.State, +1)
	if occupies(decision.State) {
		d.referrers.add(decision.Campaign, decision.ReferrerID, +1)
	}
}

// occupies tells whether a pair in that state is admitted.
func occupies(state reward.State) bool { return state == reward.Held || state == reward.Granted }

func samePair(before *reward.Pair, now *reward.Decision) bool {
	return before.State == now.State && before.Reason == now.Reason && before.Revision == now.Revision &&
		before.Campaign == now.Campaign && before.ReferrerID == now.ReferrerID &&
		before.Ordinal == now.Ordinal && before.Allowed == now.Allowed && sameNeeds(before.Needs, now.Needs) && len(before.Credits) == len(now.Credits) &&
		before.QualifiedAt.Equal(now.QualifiedAt) && before.MaturesAt.Equal(now.MaturesAt)
}

func sameNeeds(a, b *int64) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

func sameDue(recorded time.Time, due *time.Time) bool {
	return due == nil && recorded.IsZero() || due != nil && recorded.Equal(*due)
}

// compareCredits adds what the pair earns differently, and what is held of it.
func (d *differences) compareCredits(r *referee, before *reward.Pair, decision *reward.Decision) {
	kept := 0
	// Accounts and counters have what is decided, not what was read.
	counted := r.counted[decision.PurchaseID] && decision.State == reward.Held
	for i := range r.credits {
		was := &r.credits[i]
		if was.purchaseID != decision.PurchaseID {
			continue
		}
		// What was altered is not what accounts and counters have; a resync adds these up.
		if before != nil && before.State == reward.Held && !counted && (was.sealed || was.old) {
			d.hold(was.campaign, &was.Credit, -1)
		}
		same := was.campaign == decision.Campaign && slices.Contains(decision.Credits, was.Credit)
		switch {
		case same && was.sealed:
			kept++
		case same && was.old:
			kept++
			d.gone.add(r.UserID, was.purchaseID, was.Reward)
			d.credits.add(r.UserID, decision, &was.Credit)
		default:
			r.drifted(was.purchaseID)
			d.gone.add(r.UserID, was.purchaseID, was.Reward)
		}
	}
	for i := range decision.Credits {
		credit := &decision.Credits[i]
		if decision.State == reward.Held && !counted {
			d.hold(decision.Campaign, credit, +1)
		}
		if kept == 0 || !r.recorded(decision, credit) {
			r.drifted(decision.PurchaseID)
			d.credits.add(r.UserID, decision, credit)
		}
	}
}

// recorded tells whether the credit stands in the database as it was decided.
func (r *referee) recorded(decision *reward.Decision, credit *reward.Credit) bool {
	return slices.ContainsFunc(r.credits, func(c recordedCredit) bool {
		return c.purchaseID == decision.PurchaseID && c.campaign == decision.Campaign && c.Credit == *credit && (c.sealed || c.old)
	})
}

// hold counts a credit as held, or with -1 as held no more.
func (d *differences) hold(campaign string, credit *reward.Credit, sign int64) {
	d.accounts.add(credit.BeneficiaryID, credit.Currency, 0, sign*credit.Amount)
	d.creditCounts.add(campaign, credit.Currency, 0, sign*credit.Amount)
}

// enter appends an entry to the ledger and to what follows it.
func (d *differences) enter(r *referee, entry *reward.Entry) {
	d.entries.add(r.UserID, entry)
	d.count(entry.Campaign) // which dates the change
	d.accounts.add(entry.BeneficiaryID, entry.Currency, entry.Amount, 0)
	d.creditCounts.add(entry.Campaign, entry.Currency, entry.Amount, 0)
}
