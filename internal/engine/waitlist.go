package engine

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// couldFitLimit is how many waiting pairs that could fit a batch reads beside its own: enough to
// find one that comes before its claims, even if some of them turn out not to fit.
const couldFitLimit = 64

// waitlistRow is a pair's row on the waitlist.
type waitlistRow struct {
	campaign, referrerID string
	order                int64
	growing              bool
	need                 reward.Need
	edit                 int64
	passedOver           bool
	altered              bool // the row differs from what the engine wrote
}

// same reports whether both rows are equal.
func (w *waitlistRow) same(v *waitlistRow) bool {
	return w.samePlace(v) && w.need.Same(&v.need) && w.edit == v.edit && w.passedOver == v.passedOver && w.altered == v.altered
}

// samePlace reports whether both rows have the same place on the same waitlist.
func (w *waitlistRow) samePlace(v *waitlistRow) bool {
	return w.campaign == v.campaign && w.referrerID == v.referrerID && w.order == v.order && w.growing == v.growing
}

// needOf builds a need from its columns on the waitlist.
func needOf(least int64, starts, needs []int64) reward.Need {
	need := reward.Need{Least: least}
	for i := range starts {
		need.Tiers = append(need.Tiers, reward.TierNeed{FromPair: starts[i], Amount: needs[i]})
	}
	return need
}

// waitingPairs reads, in admission order, the first waiting pairs of a campaign that the capacity
// could admit, at most limit; own is the number of the batch's own pairs that may be among them. It
// adds the numbers of admitted pairs of their referrers to the capacity.
func (b *batch) waitingPairs(ctx context.Context, capacity *reward.Capacity, limit, own int) ([]reward.WaitingPair, error) {
	campaign := capacity.Campaign
	if campaign.Mode == reward.Suspended {
		return nil, nil
	}
	admits, budget := campaign.Mode == reward.Open, int64(math.MaxInt64)
	if campaign.Budget != nil {
		budget = max(0, capacity.BudgetLeft)
	}
	var found []reward.WaitingPair
	var w reward.WaitingPair
	var starts, needs []int64
	var admitted int64
	columns := []any{&w.UserID, &w.PurchaseID, &w.ReferrerID, &w.Order, &w.Growing, &w.Need.Least, &starts, &needs, &admitted, &w.Outdated}
	collect := b.each(columns, func() {
		if _, known := capacity.Admitted[w.ReferrerID]; !known && !w.Outdated {
			capacity.Admitted[w.ReferrerID] = admitted
		}
		pair := w
		pair.Need = needOf(w.Need.Least, starts, needs)
		found = append(found, pair)
		starts, needs = nil, nil
	})
	var q pgx.Batch
	growing, all := []bool{true}, []bool{true, false}
	outdated, cheap, limited := growing, growing, campaign.PairsPerReferrer
	if admits {
		outdated = all
	}
	if admits && limited == 0 {
		cheap = all
	}
	q.Queue(b.statement("waiting_by_edit"), campaign.Name, campaign.Edit, outdated, limit).Query(collect)
	q.Queue(b.statement("waiting_by_need"), pgx.StrictNamedArgs{
		"campaign": campaign.Name, "budget": budget, "kinds": cheap, "limit": limit, "own": own,
	}).Query(collect)
	if admits && limited > 0 {
		q.Queue(b.statement("waiting_by_referrer"), pgx.StrictNamedArgs{
			"campaign": campaign.Name, "budget": budget, "cap": limited, "limit": limit, "own": own,
		}).Query(collect)
	}
	if err := b.send(ctx, &q); err != nil {
		return nil, err
	}
	// If a pair is found twice, the outdated row comes first and is kept.
	slices.SortStableFunc(found, func(a, b reward.WaitingPair) int { return cmp.Compare(a.Order, b.Order) })
	found = slices.CompactFunc(found, func(a, b reward.WaitingPair) bool { return a.Order == b.Order })
	return found[:min(len(found), limit)], nil
}
