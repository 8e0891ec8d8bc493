package engine

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// entered is the newest entry that the engine made about a purchase, and what
// its entries come to.
type entered struct {
	campaign string
	reason   reward.Reason
	revision int
	credits  []reward.Credit
}

// restore puts pairs that were lost or altered back to what their ledger entries
// and credits tell, before anything is decided: a granted pair is not decided
// anew because its row is gone. Of referees that somebody noted only missing
// pairs are restored.
func (b *batch) restore(ctx context.Context) error {
	var ids []string
	for _, r := range b.referees {
		if r.watched || r.lacksPair() {
			ids = append(ids, r.UserID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	ledgers := make(map[string]map[string]*entered, len(ids))
	var q pgx.Batch
	var id, purchaseID string
	var e entered
	newest := []any{&id, &purchaseID, &e.campaign, &e.revision, &e.reason}
	q.Queue(b.statement("load_newest_entry"), ids).Query(b.each(newest, func() {
		if ledgers[id] == nil {
			ledgers[id] = map[string]*entered{}
		}
		last := e
		ledgers[id][purchaseID] = &last
	}))
	var c reward.Credit
	own := []any{&id, &purchaseID, &c.Reward, &c.BeneficiaryID, &c.Currency, &c.Amount}
	q.Queue(b.statement("load_own_entries"), ids).Query(b.each(own, func() {
		if last := ledgers[id][purchaseID]; last != nil {
			last.credits = append(last.credits, c)
		}
	}))
	if err := b.send(ctx, &q); err != nil {
		return err
	}
	for _, r := range b.referees {
		r.restorePairs(b.config.Reward, ledgers[r.UserID])
		if r.watched && (r.Attribution == nil || r.altered(attributionRow)) {
			r.boundTo = b.boundBy(r)
		}
	}
	return nil
}

// lacksPair tells whether the ledger knows of a pair that there is no row of.
func (r *referee) lacksPair() bool {
	for i := range r.Ledger {
		if r.pair(r.Ledger[i].PurchaseID) == nil {
			return true
		}
	}
	return false
}

// restorePairs replaces pairs that cannot be believed, and adds missing ones.
func (r *referee) restorePairs(config *reward.Configuration, ledger map[string]*entered) {
	lost := map[string]bool{} // by purchase; true: there is no row
	for i := range r.Pairs {
		p := &r.Pairs[i]
		switch e := ledger[p.PurchaseID]; {
		case r.altered(p.PurchaseID):
			lost[p.PurchaseID] = false
		case r.unsealed(p.PurchaseID):
			r.rebuild(p.PurchaseID, false)
		case r.watched && p.State == reward.Granted && e != nil && len(e.credits) > 0:
			p.Credits = e.credits
		case p.State == reward.Held && r.waitlist[p.PurchaseID] == nil:
			p.Mended = r.damaged(p)
		}
	}
	for id := range ledger {
		if r.pair(id) == nil {
			lost[id] = true
		}
	}
	for i := range r.credits {
		if id := r.credits[i].purchaseID; r.watched && r.pair(id) == nil {
			lost[id] = true
		}
	}
	for id, gone := range lost {
		pair := r.remnant(id, ledger[id])
		pair = config.Restore(&r.Referee, r.purchase(id), pair)
		r.rebuild(id, gone)
		if row := r.pair(id); row != nil {
			*row = pair
		} else {
			r.Pairs = append(r.Pairs, pair)
		}
	}
}

// rebuild remembers that a pair has to be written.
func (r *referee) rebuild(purchaseID string, gone bool) {
	if r.rebuilt == nil {
		r.rebuilt = map[string]bool{}
	}
	r.rebuilt[purchaseID] = gone
}

// remnant is what is left to tell of a pair. Its entries are believed before its
// credits, and these before its row.
func (r *referee) remnant(purchaseID string, e *entered) reward.Pair {
	pair := reward.Pair{PurchaseID: purchaseID, State: reward.Reversed}
	row := r.pair(purchaseID)
	if row != nil {
		pair.Order, pair.Ordinal, pair.CountedAt, pair.Allowed = row.Order, row.Ordinal, row.CountedAt, row.Allowed
		pair.Campaign, pair.Revision = row.Campaign, row.Revision
	}
	var earned []reward.Credit
	for _, c := range r.creditsOf(purchaseID) {
		earned, pair.Campaign = append(earned, c.Credit), c.campaign
	}
	switch {
	case e != nil && len(e.credits) > 0:
		pair.State, pair.Reason, pair.Credits = reward.Granted, e.reason, e.credits
		pair.Campaign, pair.Revision = e.campaign, e.revision
	case len(earned) > 0:
		pair.State, pair.Reason, pair.Credits = reward.Held, reward.HoldPeriod, earned
		pair.Mended = true
	case e != nil:
		pair.Reason, pair.Campaign, pair.Revision = e.reason, e.campaign, e.revision
		pair.Ordinal = max(1, pair.Ordinal) // it was admitted once
	case row != nil && !occupies(row.State):
		return *row
	default: // it says that it earns something, and nothing bears that out
		pair.Order, pair.Ordinal = 0, 0
	}
	return pair
}

// damaged tells whether credits of a pair are missing, were altered or added.
func (r *referee) damaged(pair *reward.Pair) bool {
	if !r.watched {
		return false
	}
	if expected, known := r.expected[pair.PurchaseID]; known && expected != len(pair.Credits) {
		return true
	}
	return slices.ContainsFunc(r.creditsOf(pair.PurchaseID), func(c recordedCredit) bool { return !c.sealed && !c.old })
}
