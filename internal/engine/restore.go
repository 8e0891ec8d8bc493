package engine

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// restore puts missing and altered pairs back to what their ledger entries and credits say, before
// anything is decided: an admitted pair is not decided again because its row is missing. Outside a
// resync only missing pairs and attributions are restored.
func (b *batch) restore(ctx context.Context) error {
	entered, err := b.loadEntered(ctx)
	if err != nil {
		return err
	}
	if err := b.verifyCredits(ctx); err != nil {
		return err
	}
	for _, r := range b.referees {
		if r.resynced || entered[r.UserID] != nil || r.hasCreditWithoutPair() {
			r.restorePairs(b.config.Reward, entered[r.UserID])
		}
		if r.Attribution == nil || r.altered(attributionRow) {
			r.pairWithoutAttribution = b.config.Reward.AttributionKeeper(r.Pairs)
		}
	}
	return nil
}

// loadEntered reads what the engine's own ledger entries say about the pairs of referees that may
// have lost one, by user and purchase.
func (b *batch) loadEntered(ctx context.Context) (map[string]map[string]*reward.Entered, error) {
	var ids []string
	for _, r := range b.referees {
		if r.resynced || r.lacksPair() {
			ids = append(ids, r.UserID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	entered := make(map[string]map[string]*reward.Entered, len(ids))
	var q pgx.Batch
	var id, purchaseID string
	var e reward.Entered
	newest := []any{&id, &purchaseID, &e.Campaign, &e.Revision, &e.Reason}
	q.Queue(b.statement("load_newest_entry"), ids).Query(b.each(newest, func() {
		if entered[id] == nil {
			entered[id] = map[string]*reward.Entered{}
		}
		last := e
		entered[id][purchaseID] = &last
	}))
	var campaign string
	var c reward.Credit
	own := []any{&id, &purchaseID, &campaign, &c.Reward, &c.BeneficiaryID, &c.Currency, &c.Amount}
	q.Queue(b.statement("load_own_entries"), ids).Query(b.each(own, func() {
		if last := entered[id][purchaseID]; last != nil && last.Campaign == campaign {
			last.Credits = append(last.Credits, c)
		}
	}))
	return entered, b.send(ctx, &q)
}

// verifyCredits verifies the checksums of credits whose pair is missing, unless the batch has
// verified those of all credits. Usually there are none.
func (b *batch) verifyCredits(ctx context.Context) error {
	if b.resyncs {
		return nil
	}
	var ids []string
	for _, r := range b.referees {
		if r.hasCreditWithoutPair() {
			ids = append(ids, r.UserID)
			r.credits = nil
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var q pgx.Batch
	var id string
	var c recordedCredit
	columns := []any{&id, &c.purchaseID, &c.Reward, &c.campaign, &c.BeneficiaryID, &c.Currency, &c.Amount, &c.intact, &c.unchecked}
	q.Queue(b.statement("load_credit"), ids, true).Query(b.each(columns, func() {
		r := b.byID[id]
		c.intact = c.intact || r.pair(c.purchaseID) != nil // as of other batches' credits
		r.credits = append(r.credits, c)
	}))
	if err := b.send(ctx, &q); err != nil {
		return err
	}
	for _, id := range ids {
		b.byID[id].sortCredits()
	}
	return nil
}

// hasCreditWithoutPair reports whether the referee has a credit that the engine wrote and whose pair
// is missing.
func (r *referee) hasCreditWithoutPair() bool {
	return slices.ContainsFunc(r.credits, func(c recordedCredit) bool { return (c.intact || c.unchecked) && r.pair(c.purchaseID) == nil })
}

// restoreAttribution restores the attribution of a referee whose recorded one is missing or altered
// and that keeps its attribution.
func (r *referee) restoreAttribution(config *reward.Configuration) {
	if r.pairWithoutAttribution == nil {
		return
	}
	restored := config.RestoreAttribution(&r.Referee, r.pairWithoutAttribution)
	if restored == r.Attribution {
		return
	}
	r.lostAttribution = r.Attribution == nil
	r.Attribution = restored
}

// lacksPair reports whether the ledger has entries of a pair whose row is missing.
func (r *referee) lacksPair() bool {
	for i := range r.Ledger {
		if r.pair(r.Ledger[i].PurchaseID) == nil {
			return true
		}
	}
	return false
}

// restorePairs replaces altered pairs, adds missing ones, and takes altered credits from the
// ledger.
func (r *referee) restorePairs(config *reward.Configuration, ledger map[string]*reward.Entered) {
	lost := map[string]bool{} // by purchase; true: there is no row
	for i := range r.Pairs {
		p := &r.Pairs[i]
		switch {
		case r.altered(p.PurchaseID):
			lost[p.PurchaseID] = false
			continue
		case r.mustRewrite(p.PurchaseID):
			r.markRebuilt(p.PurchaseID, false)
		}
		if r.resynced && p.State.Occupies() && r.damaged(p) {
			r.restoreCredits(config, p, ledger[p.PurchaseID])
		}
	}
	for id := range ledger {
		if r.pair(id) == nil {
			lost[id] = true
		}
	}
	for i := range r.credits {
		if c := &r.credits[i]; r.pair(c.purchaseID) == nil && (r.resynced || c.intact || c.unchecked) {
			lost[c.purchaseID] = true
		}
	}
	for id, row := range r.waitlistWithoutPair {
		if !row.altered {
			lost[id] = true
		}
	}
	for id, gone := range lost {
		remains := reward.Remains{PurchaseID: id, Row: r.pair(id), Ledger: ledger[id]}
		remains.Campaign, remains.Credits = r.trustedCredits(id)
		remains.Place = r.place(id)
		pair := config.Restore(&r.Referee, r.purchase(id), remains)
		r.markRebuilt(id, gone)
		if row := r.pair(id); row != nil {
			*row = pair
		} else {
			r.Pairs = append(r.Pairs, pair)
		}
	}
}

// place returns the place on the waitlist of a pair that is altered or missing; nil: its row there
// is missing or altered too.
func (r *referee) place(purchaseID string) *reward.Place {
	row := r.waitlistRows[purchaseID]
	if row == nil {
		row = r.waitlistWithoutPair[purchaseID]
	}
	if row == nil || row.altered {
		return nil
	}
	return &reward.Place{Campaign: row.campaign, ReferrerID: row.referrerID, Order: row.order, Growing: row.growing}
}

// restoreCredits gives back the credits of a pair whose row is intact, and remembers a held pair
// whose lost credits accounts and counters still include.
func (r *referee) restoreCredits(config *reward.Configuration, pair *reward.Pair, ledger *reward.Entered) {
	_, trusted := r.trustedCredits(pair.PurchaseID)
	if config.RestoreCredits(pair, ledger, trusted, r.waitlistRows[pair.PurchaseID] != nil) {
		if r.countedHeld == nil {
			r.countedHeld = map[string]bool{}
		}
		r.countedHeld[pair.PurchaseID] = true
	}
}

// trustedCredits returns the credits of a purchase that were not altered, and their campaign.
func (r *referee) trustedCredits(purchaseID string) (campaign string, credits []reward.Credit) {
	for _, c := range r.creditsOf(purchaseID) {
		if c.intact || c.unchecked {
			campaign, credits = c.campaign, append(credits, c.Credit)
		}
	}
	return campaign, credits
}

// markRebuilt remembers that a restored pair has to be written.
func (r *referee) markRebuilt(purchaseID string, gone bool) {
	if r.rebuilt == nil {
		r.rebuilt = map[string]bool{}
	}
	r.rebuilt[purchaseID] = gone
}

// damaged reports whether credits of a pair are missing, altered or added.
func (r *referee) damaged(pair *reward.Pair) bool {
	if expected, known := r.expectedCredits[pair.PurchaseID]; known && expected != len(pair.Credits) {
		return true
	}
	return slices.ContainsFunc(r.creditsOf(pair.PurchaseID), func(c recordedCredit) bool { return !c.intact && !c.unchecked })
}
