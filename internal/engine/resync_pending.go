package engine

import (
	"context"
	"slices"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// Kinds of what is pending beside the changes that a referee's rows name.
const (
	pendingAllocation = "Allocation" // a request to allocate it
	pendingReversal   = "Reversal"   // a reversal that is not done
	pendingTouched    = "Touched"    // a change of a code; its key is a visitor with a touch of it
)

// dropPending drops the referees that a pending change of any kind reaches, those from which a
// reversal has yet to take something back, and those with a hold that has ended: what differs about
// them is no drift, and a batch decides them soon. Where the resync reverses lost pairs it enqueues
// these referees, since the pending change may concern other pairs.
func (b *batch) dropPending(ctx context.Context) error {
	found, err := b.findPending(ctx)
	if err != nil {
		return err
	}
	var dropped []string
	b.drop(func(r *referee) bool {
		pending := found[r.UserID] || r.isDue(b)
		if pending {
			dropped = append(dropped, r.UserID)
		}
		return pending
	})
	if b.countsLosses || len(dropped) == 0 {
		return nil
	}
	_, err = b.tx.Exec(ctx, b.statement("enqueue_referee"), dropped)
	return err
}

// findPending finds the referees of the batch that a pending change of any kind, a pending allocation
// request or a reversal reaches.
func (b *batch) findPending(ctx context.Context) (map[string]bool, error) {
	var users, kinds, keys []string
	for _, r := range b.referees {
		add := func(kind, key string) {
			users, kinds, keys = append(users, r.UserID), append(kinds, kind), append(keys, key)
		}
		named := r.named()
		for kind, is := range changeKinds {
			for _, key := range named[is.names] {
				add(kind, key)
			}
		}
		if r.Attribution == nil && len(r.Pairs) > 0 && r.visitorID != "" {
			// A pair may rest on a touch whose link is gone or has changed, so that it was not loaded.
			add(pendingTouched, r.visitorID)
		}
		for _, campaign := range r.campaignsToTakeBack() {
			add(pendingReversal, campaign)
		}
		for _, row := range r.waitlistRows {
			add(pendingAllocation, row.campaign)
		}
		for _, row := range r.waitlistWithoutPair {
			add(pendingAllocation, row.campaign)
		}
		for i := range r.Pairs {
			if p := &r.Pairs[i]; p.State == reward.Waiting {
				add(pendingAllocation, p.Campaign)
			}
		}
	}
	rows, err := b.tx.Query(ctx, b.statement("resync_pending"), users, kinds, keys)
	if err != nil {
		return nil, err
	}
	var user string
	found := map[string]bool{}
	err = postgres.ForEachRow(rows, []any{&user}, func() error { found[user] = true; return nil })
	return found, err
}

// isDue reports whether the hold of a pair has ended, so that a batch is about to decide the
// referee.
func (r *referee) isDue(b *batch) bool {
	for i := range r.Pairs {
		p := &r.Pairs[i]
		if p.State == reward.Held && !r.postponedPairs[p.PurchaseID] && !p.MaturesAt.After(b.now) {
			return true
		}
	}
	return false
}

// drop takes referees out of the batch.
func (b *batch) drop(matches func(*referee) bool) {
	b.referees = slices.DeleteFunc(b.referees, func(r *referee) bool {
		if !matches(r) {
			return false
		}
		delete(b.byID, r.UserID)
		return true
	})
}

// named lists the keys of changes that reach the referee, by what they name.
func (r *referee) named() map[keyName][]string {
	named := map[keyName][]string{
		namesUser:     {r.UserID},
		namesCode:     r.possibleCodes(),
		namesReferrer: r.possibleReferrers(),
		namesCampaign: r.possibleCampaigns(),
	}
	if r.visitorID != "" {
		named[namesVisitor] = []string{r.visitorID}
	}
	return named
}

// possibleCodes lists the codes of the links that may attribute the signup.
func (r *referee) possibleCodes() []string {
	var codes []string
	if r.Signup != nil && r.Signup.Code != "" {
		codes = append(codes, r.Signup.Code)
	}
	if r.Attribution != nil {
		codes = append(codes, r.Attribution.Code)
	}
	for i := range r.Touches {
		codes = append(codes, r.Touches[i].Link.Code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// possibleCampaigns lists the campaigns that the referee belongs to or may belong to.
func (r *referee) possibleCampaigns() []string {
	var names []string
	if r.Attribution != nil {
		names = append(names, r.Attribution.Campaign)
	}
	if r.Code != nil {
		names = append(names, r.Code.Campaign)
	}
	for i := range r.Touches {
		names = append(names, r.Touches[i].Link.Campaign)
	}
	for i := range r.Pairs {
		names = append(names, r.Pairs[i].Campaign)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// campaignsToTakeBack lists the campaigns of which the referee still has an attribution, a pair, a
// credit, a ledger sum or a row on the waitlist, which a reversal of the campaign would take back. A
// referee who has none of these is compared even while the reversal goes on, which may be for long.
func (r *referee) campaignsToTakeBack() []string {
	var names []string
	if r.Attribution != nil {
		names = append(names, r.Attribution.Campaign)
	}
	for i := range r.Pairs {
		if p := &r.Pairs[i]; p.State != reward.Reversed || p.Ordinal != 0 {
			names = append(names, p.Campaign)
		}
	}
	for i := range r.credits {
		names = append(names, r.credits[i].campaign)
	}
	for i := range r.Ledger {
		if l := &r.Ledger[i]; l.Sum != 0 {
			names = append(names, l.Campaign)
		}
	}
	for _, row := range r.waitlistRows {
		names = append(names, row.campaign)
	}
	for _, row := range r.waitlistWithoutPair {
		names = append(names, row.campaign)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
