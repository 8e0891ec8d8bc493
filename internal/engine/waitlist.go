package engine

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// othersLookedAt is how many waiting pairs that could fit a batch reads beside its own: enough to
// know that one stands before its claims, also where some of them do not fit after all.
const couldFitLimit = 64

// waitlistRow is what the waitlist says of a pair.
type waitlistRow struct {
	campaign, referrerID string
	order                int64
	growing              bool
	need                 reward.Need
	edit                 int64
	passedOver           bool
	altered              bool // it does not say what the engine wrote
}

// is reports whether both say the same.
func (w *waitlistRow) same(v *waitlistRow) bool {
	return w.samePlace(v) && w.need.Same(&v.need) && w.edit == v.edit && w.passedOver == v.passedOver && w.altered == v.altered
}

// stands reports whether both are for the same place of the same waitlist.
func (w *waitlistRow) samePlace(v *waitlistRow) bool {
	return w.campaign == v.campaign && w.referrerID == v.referrerID && w.order == v.order && w.growing == v.growing
}

// needOf reads a need as the waitlist records it.
func needOf(least int64, starts, needs []int64) reward.Need {
	need := reward.Need{Least: least}
	for i := range starts {
		need.Tiers = append(need.Tiers, reward.TierNeed{FromPair: starts[i], Amount: needs[i]})
	}
	return need
}

// waitingPairs reads the first waiting pairs of a campaign that the capacity could admit, in admission
// order, at most so many; own is how many of them the batch may have among its referees. It
// completes the capacity's numbers of admitted pairs by those of their referrers.
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
	q.Queue(b.statement("waiting_by_edit"), campaign.Name, campaign.Edit, admits, limit).Query(collect)
	limited := campaign.Cap()
	kinds := []bool{true}
	if admits && limited == 0 {
		kinds = append(kinds, false)
	}
	q.Queue(b.statement("waiting_by_need"), pgx.StrictNamedArgs{
		"campaign": campaign.Name, "budget": budget, "kinds": kinds, "limit": limit, "own": own,
	}).Query(collect)
	if admits && limited > 0 {
		q.Queue(b.statement("waiting_by_referrer"), campaign.Name, budget, limited, limit).Query(collect)
	}
	if err := b.send(ctx, &q); err != nil {
		return nil, err
	}
	// Of a pair that is found twice the outdated finding, which came first, stays.
	slices.SortStableFunc(found, func(a, b reward.WaitingPair) int { return cmp.Compare(a.Order, b.Order) })
	found = slices.CompactFunc(found, func(a, b reward.WaitingPair) bool { return a.Order == b.Order })
	return found[:min(len(found), limit)], nil
}
