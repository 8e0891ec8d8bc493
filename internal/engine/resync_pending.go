package engine

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// pendingAllocation stands for a request to allocate a campaign.
const pendingAllocation = "Allocation"

// dropPending drops the referees that a change in the queue reaches, of whatever
// kind it is, and those whose hold is over: what differs of them is no drift, and
// is decided soon. Where the resync reverses lost pairs it enqueues these referees,
// since what is pending may concern other pairs than theirs.
func (b *batch) dropPending(ctx context.Context) error {
	var users, kinds, keys []string
	for _, r := range b.referees {
		add := func(kind, key string) {
			users, kinds, keys = append(users, r.UserID), append(kinds, kind), append(keys, key)
		}
		add(kindReferee, r.UserID)
		add(kindErasure, r.UserID)
		if r.visitorID != "" {
			add(kindVisitor, r.visitorID)
		}
		for _, code := range r.possibleCodes() {
			add(kindCode, code)
		}
		for _, id := range r.possibleReferrers() {
			add(kindReferrer, id)
		}
		for _, campaign := range r.possibleCampaigns() {
			for _, kind := range []string{kindCampaign, kindRollout, kindWithheld} {
				add(kind, campaign)
			}
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
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	var dropped []string
	b.drop(func(r *referee) bool {
		pending := slices.Contains(found, r.UserID) || r.isDue(b)
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

// isDue reports whether the hold of a pair has ended, so that a batch is about to decide it.
func (r *referee) isDue(b *batch) bool {
	for i := range r.Pairs {
		p := &r.Pairs[i]
		if p.State == reward.Held && !r.postponedPairs[p.PurchaseID] && !p.MaturesAt.After(b.now) {
			return true
		}
	}
	return false
}

// leave drops referees from the batch.
func (b *batch) drop(is func(*referee) bool) {
	b.referees = slices.DeleteFunc(b.referees, func(r *referee) bool {
		if !is(r) {
			return false
		}
		delete(b.byID, r.UserID)
		return true
	})
}

// codes are those of the links that the signup may be bound by.
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

// campaigns are those that the referee is or may be of.
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
