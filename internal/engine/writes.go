package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// writeOwn queues what no other batch waits for: rows of the batch's own referees, and counters of
// a shard that it has locked.
func (d *differences) writeOwn(writes *pgx.Batch, statement func(string) string, shard int16) {
	write := func(name string, rows int, arguments ...any) {
		if rows > 0 {
			writes.Queue(statement(name), arguments...)
		}
	}
	basis, removals, credits, entries := &d.basis, &d.creditRemovals, &d.credits, &d.entries
	write("record_basis", len(basis.userID), basis.userID, basis.facts, basis.via, basis.pairs)
	write("remove_credit", len(removals.userID), removals.userID, removals.purchaseID, removals.reward)
	write("record_credit", len(credits.UserIDs), pgx.StrictStructArgs(credits))
	write("record_ledger", len(entries.UserIDs), pgx.StrictStructArgs(entries))

	write("defer", len(d.deferred.userID), d.deferred.campaign, d.deferred.userID)
	write("postpone_referee", len(d.postponedReferees), d.postponedReferees)
	write("postpone_pair", len(d.postponedPairs.userID), d.postponedPairs.userID, d.postponedPairs.purchaseID)
	write("set_aside", len(d.setAside.userID), d.setAside.userID, d.setAside.cause)
	write("clear_set_aside", len(d.decided), d.decided)
	if d.requestsResync {
		writes.Queue(statement("request_resync"))
	}

	pairCounts, creditCounts := countColumns(d.pairCounts), &d.creditCounts
	pairCounts.Shard, creditCounts.Shard = shard, shard
	write("record_pair_count", len(pairCounts.Campaigns), pgx.StrictStructArgs(&pairCounts))
	write("record_credit_count", len(creditCounts.Campaigns), pgx.StrictStructArgs(creditCounts))
}

// writeReferrers queues the numbers of admitted pairs per referrer. Pairs that are admitted now and
// have no ordinal yet get one from these numbers, in admission order.
func (d *differences) writeReferrers(writes *pgx.Batch, statement func(string) string) {
	c := &d.referrers
	if len(c.campaign) == 0 {
		return
	}
	writes.Queue(statement("record_referrer"), c.campaign, c.referrerID, c.pairs).Query(func(rows pgx.Rows) error {
		next := map[referrerKey]int64{}
		var key referrerKey
		var pairs int64 // including those that this batch admits
		if err := postgres.ForEachRow(rows, []any{&key.campaign, &key.referrerID, &pairs}, func() error {
			next[key] = pairs + 1
			return nil
		}); err != nil {
			return err
		}
		for i := range d.pairs {
			if p := d.pairs[i]; p.admitted {
				next[p.referrer()]--
			}
		}
		for i := range d.pairs {
			if p := d.pairs[i]; p.admitted && p.Ordinal == 0 {
				p.Ordinal = next[p.referrer()]
				next[p.referrer()]++
			}
		}
		return nil
	})
}

// drawOrders queues drawing the next admission orders for the pairs that count from now on.
func (d *differences) drawOrders(writes *pgx.Batch, statement func(string) string) {
	var draws []*pairRow
	for i := range d.pairs {
		if p := d.pairs[i]; p.drawsOrder {
			draws = append(draws, p)
		}
	}
	if len(draws) == 0 {
		return
	}
	writes.Queue(statement("draw_admission_order"), len(draws)).Query(func(rows pgx.Rows) error {
		orders, err := postgres.CollectRows(rows, pgx.RowTo[int64])
		for i := range orders {
			draws[i].order = &orders[i]
			if w := draws[i].waitlistWrite; w != nil {
				w.order = orders[i]
			}
		}
		return err
	})
}

// writePairs queues pairs, after their ordinals and admission orders are known. Where pairs claimed
// capacity they are written in admission order; otherwise in the order of their keys, so that
// neighbours share pages of the index.
func (d *differences) writePairs(writes *pgx.Batch, statement func(string) string) {
	if !d.hasClaims {
		slices.SortFunc(d.pairs, func(a, b *pairRow) int {
			return cmp.Or(strings.Compare(a.userID, b.userID), strings.Compare(a.PurchaseID, b.PurchaseID))
		})
	}
	added, revised := newPairColumns(len(d.pairs)), pairColumns{}
	var restored pairKeyColumns
	var orders []int64
	for i := range d.pairs {
		p := d.pairs[i]
		if p.isNew {
			added.add(p)
			continue
		}
		revised.add(p)
		if p.restored && !p.drawsOrder && p.Order > 0 { // a pair that stays Reversed is decided without its order
			restored.add(p.userID, p.PurchaseID)
			orders = append(orders, p.Order)
		}
	}
	if len(orders) > 0 {
		writes.Queue(statement("restore_order"), restored.userID, restored.purchaseID, orders)
	}
	if len(added.UserIDs) > 0 {
		writes.Queue(statement("record_pair"), pgx.StrictStructArgs(&added))
	}
	if len(revised.UserIDs) > 0 {
		writes.Queue(statement("revise_pair"), pgx.StrictStructArgs(&revised))
	}
}

// writeWaitlist queues what changes on the waitlist of campaigns that the batch has locked. It
// comes after pairs and referrers.
func (b *batch) writeWaitlist(writes *pgx.Batch, d *differences) {
	if r := &d.waitlistRemovals; len(r.userID) > 0 {
		writes.Queue(b.statement("remove_waiting"), r.userID, r.purchaseID)
	}
	if len(d.waitlistWrites) > 0 {
		var columns waitlistColumns
		for _, w := range d.waitlistWrites {
			columns.add(w)
		}
		writes.Queue(b.statement("record_waiting"), pgx.StrictStructArgs(&columns))
	}
	concerned := d.waitlistReferrers
	for i, campaign := range d.referrers.campaign {
		referrer := d.referrers.referrerID[i]
		if c := b.config.Reward.Campaigns[campaign]; c != nil && c.Allocates() && !b.referrersNotWaiting[referrerKey{campaign, referrer}] {
			concerned.add(campaign, referrer, 0)
		}
	}
	concerned.campaign = append(concerned.campaign, b.passedOverReferrers.campaign...)
	concerned.referrerID = append(concerned.referrerID, b.passedOverReferrers.referrerID...)
	if len(concerned.campaign) > 0 {
		writes.Queue(b.statement("record_waitlist_referrer"), concerned.campaign, concerned.referrerID)
	}
}

// writeRequests queues removing the allocation request that the batch served, and requesting
// allocations and re-evaluations that follow from what it changed. It comes after the waitlist.
func (b *batch) writeRequests(writes *pgx.Batch, d *differences) {
	if b.allocatesFor != "" {
		writes.Queue(b.statement("remove_allocation_request"), b.allocatesFor)
	}
	requests := slices.Concat(b.allocationRequests, d.waitlistReferrers.campaign)
	slices.Sort(requests)
	if requests = slices.Compact(requests); len(requests) > 0 {
		writes.Queue(b.statement("request_allocation"), requests)
	}
	slices.Sort(b.reevaluate)
	if b.reevaluate = slices.Compact(b.reevaluate); len(b.reevaluate) > 0 {
		writes.Queue(b.statement("enqueue_referee"), b.reevaluate)
	}
}

// writeAccounts queues the changes of earned and held amounts per account.
func (d *differences) writeAccounts(writes *pgx.Batch, statement func(string) string) {
	for a := &d.accounts; a != nil && len(a.beneficiaryID) > 0; a = a.rest {
		writes.Queue(statement("record_engine_account"), a.beneficiaryID, a.currency, a.earned, a.held)
	}
}
