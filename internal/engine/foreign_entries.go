package engine

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// foreignEntries are entries of a purchase in the ledger that the engine did not make, or that were
// altered since.
type foreignEntries struct {
	campaign, currency string
	taken              int64 // what they take, above zero; minor units
}

// findForeign finds the purchases whose ledger is settled though foreign entries are among its
// entries. Accounts and counters do not include these, so they follow the recorded credits there,
// and not the entries that correct the ledger. It comes after settle.
//
// Only a ledger that was touched, or lost credits, let entries and credits differ: usually nothing
// is read.
func (b *batch) findForeign(ctx context.Context) error {
	var differ pairKeyColumns
	for _, r := range b.referees {
		if r.cause != nil {
			continue
		}
		for i := range r.Ledger {
			if sum := &r.Ledger[i]; sum.Sum != r.granted(&sum.LedgerKey) && r.settles(sum.PurchaseID) {
				differ.add(r.UserID, sum.PurchaseID)
			}
		}
	}
	if len(differ.userID) == 0 {
		return nil
	}
	var q pgx.Batch
	var id, purchaseID string
	var f foreignEntries
	q.Queue(b.statement("load_foreign_entry"), differ.userID, differ.purchaseID).Query(
		b.each([]any{&id, &purchaseID, &f.campaign, &f.currency, &f.taken}, func() {
			r := b.byID[id]
			if r.foreign == nil {
				r.foreign = map[string][]foreignEntries{}
			}
			if !slices.Contains(r.foreign[purchaseID], f) {
				r.foreign[purchaseID] = append(r.foreign[purchaseID], f)
			}
		}))
	return b.send(ctx, &q)
}

// granted returns what the recorded credits grant of a key of the ledger.
func (r *referee) granted(key *reward.LedgerKey) int64 {
	pair := r.pair(key.PurchaseID)
	if pair == nil || pair.State != reward.Granted || pair.Campaign != key.Campaign {
		return 0
	}
	for i := range pair.Credits {
		if c := &pair.Credits[i]; c.Reward == key.Reward && c.BeneficiaryID == key.BeneficiaryID && c.Currency == key.Currency {
			return c.Amount
		}
	}
	return 0
}

// settles reports whether the entries of a purchase add up to what was decided once the batch has
// committed. Those of a purchase without a decision stay as they are.
func (r *referee) settles(purchaseID string) bool {
	return slices.ContainsFunc(r.outcome.Decisions, func(d reward.Decision) bool { return d.PurchaseID == purchaseID }) ||
		slices.ContainsFunc(r.entries, func(e reward.Entry) bool { return e.PurchaseID == purchaseID })
}

// compareForeign counts what a purchase with foreign entries grants from now on in place of what
// its recorded credits granted.
func (d *differences) compareForeign(r *referee, before *reward.Pair, decision *reward.Decision) {
	if r.foreign[decision.PurchaseID] == nil {
		return
	}
	if before != nil && before.State == reward.Granted {
		d.addGranted(before.Campaign, before.Credits, -1)
	}
	if decision.State == reward.Granted {
		d.addGranted(decision.Campaign, decision.Credits, +1)
	}
}

// addGranted counts credits as granted, or with -1 as no longer granted.
func (d *differences) addGranted(campaign string, credits []reward.Credit, sign int64) {
	for i := range credits {
		c := &credits[i]
		d.accounts.add(c.BeneficiaryID, c.Currency, sign*c.Amount, 0)
		d.creditCounts.add(campaign, c.Currency, sign*c.Amount, 0, 0)
	}
}

// addForeign counts what foreign entries take: the counters of what was reversed include every
// entry. A resync may have added the entries up before, while the referee could not be decided. So
// it has to do it again; one that found the referee does it next.
func (d *differences) addForeign(r *referee) {
	d.requestsResync = d.requestsResync || len(r.foreign) > 0 && !r.resynced
	for _, entries := range r.foreign {
		for _, f := range entries {
			d.creditCounts.add(f.campaign, f.currency, 0, 0, f.taken)
		}
	}
}
