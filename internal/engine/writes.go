package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// writeOwn queues what no other batch is waiting for: rows of the batch's own
// referees, and counters of a shard that it holds.
func (d *differences) writeOwn(writes *pgx.Batch, statement func(string) string, shard int16) {
	write := func(name string, rows int, arguments ...any) {
		if rows > 0 {
			writes.Queue(statement(name), arguments...)
		}
	}
	g := &d.digests
	write("record_digest", len(g.userID), g.userID, g.facts, g.via, g.pairs)
	write("remove_credit", len(d.creditRemovals.userID), d.creditRemovals.userID, d.creditRemovals.purchaseID, d.creditRemovals.reward)
	c := &d.credits
	write("record_credit", len(c.UserIDs), pgx.StrictStructArgs(c))
	e := &d.entries
	write("record_ledger", len(e.UserIDs), pgx.StrictStructArgs(e))
	write("defer", len(d.deferred.userID), d.deferred.campaign, d.deferred.userID)
	write("postpone_referee", len(d.postponedReferees), d.postponedReferees)
	write("postpone_pair", len(d.postponedPairs.userID), d.postponedPairs.userID, d.postponedPairs.purchaseID)
	write("set_aside", len(d.setAside.userID), d.setAside.userID, d.setAside.cause)
	write("clear_set_aside", len(d.decided), d.decided)
	n := countColumns(d.pairCounts)
	n.Shard = shard
	write("record_pair_count", len(n.Campaigns), pgx.StrictStructArgs(&n))
	s := &d.creditCounts
	s.Shard = shard
	write("record_credit_count", len(s.Campaigns), pgx.StrictStructArgs(s))
}

// writePairs queues pairs, whose ordinals the referrers' counters have given. Those of limited
// campaigns are written in admission order. Where there are none, pairs are written in the order of
// their keys, so that neighbours share pages of the index.
func (d *differences) writePairs(writes *pgx.Batch, statement func(string) string) {
	if !d.hasClaims {
		slices.SortFunc(d.pairs, func(a, b *pairRow) int {
			return cmp.Or(strings.Compare(a.userID, b.userID), strings.Compare(a.PurchaseID, b.PurchaseID))
		})
	}
	fresh, revised := newPairColumns(len(d.pairs)), pairColumns{}
	for i := range d.pairs {
		if p := d.pairs[i]; p.isNew {
			fresh.add(p)
		} else {
			revised.add(p)
		}
	}
	if len(fresh.UserIDs) > 0 {
		writes.Queue(statement("record_pair"), pgx.StrictStructArgs(&fresh))
	}
	if len(revised.UserIDs) > 0 {
		writes.Queue(statement("revise_pair"), pgx.StrictStructArgs(&revised))
	}
}

// writeWaitlist queues what changes on the waitlist of campaigns whose rows are locked, and requests
// to allocate them. It comes after pairs and referrers.
func (b *batch) writeWaitlist(writes *pgx.Batch, d *differences) {
	if g := &d.waitlistRemovals; len(g.userID) > 0 {
		writes.Queue(b.statement("remove_waiting"), g.userID, g.purchaseID)
	}
	if len(d.waitlistWrites) > 0 {
		var c waitlistColumns
		for _, w := range d.waitlistWrites {
			c.add(w)
		}
		writes.Queue(b.statement("record_waiting"), pgx.StrictStructArgs(&c))
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
	if b.allocatesFor != "" {
		writes.Queue(b.statement("remove_allocation_request"), b.allocatesFor)
	}
	requests := slices.Concat(b.allocationRequests, d.waitlistReferrers.campaign)
	slices.Sort(requests)
	if requests = slices.Compact(requests); len(requests) > 0 {
		writes.Queue(b.statement("request_allocation"), requests)
	}
	slices.Sort(b.reevaluate)
	if again := slices.Compact(b.reevaluate); len(again) > 0 {
		writes.Queue(b.statement("enqueue_referee"), again)
	}
}

// writeAccounts queues what entries and held credits come to per account.
func (d *differences) writeAccounts(writes *pgx.Batch, statement func(string) string) {
	for a := &d.accounts; a != nil && len(a.beneficiaryID) > 0; a = a.rest {
		writes.Queue(statement("record_engine_account"), a.beneficiaryID, a.currency, a.earned, a.held)
	}
}
