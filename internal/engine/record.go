package engine

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// record writes the differences between the recorded results of the batch's referees and what was
// decided. Where nothing differs it writes nothing.
//
// Rows that other batches may want come last and are locked in one order everywhere: referrers by
// key, then accounts by key. All other rows belong to referees of locked shards, to the shards
// themselves, or to campaigns that the batch has locked.
func (b *batch) record(ctx context.Context) error {
	d := b.differences()
	var shard int16
	if len(b.shards) > 0 {
		shard = b.shards[0]
	}
	var writes pgx.Batch
	b.enqueueShared(&writes)
	d.writeOwn(&writes, b.statement, shard)
	d.writeReferrers(&writes, b.statement) // gives ordinals
	d.drawOrders(&writes, b.statement)     // gives admission orders
	if err := b.send(ctx, &writes); err != nil {
		return err
	}
	writes = pgx.Batch{}
	d.writePairs(&writes, b.statement)
	b.writeWaitlist(&writes, d)
	b.writeRequests(&writes, d)
	d.writeAccounts(&writes, b.statement)
	return b.send(ctx, &writes)
}

// differences compares all referees of the batch.
func (b *batch) differences() *differences {
	d := newDifferences(len(b.referees))
	d.postponedReferees, d.deferred = b.withheldUsers, b.withheldDeferred
	for _, r := range b.referees {
		d.compare(r, b.config.Reward, b.now)
		if r.cause != nil {
			continue
		}
		if len(r.outcome.Claims) > 0 {
			d.hasClaims = true
			d.compareBasis(r, r.currentBasis(b.config.Reward))
		}
		if b.config.Reward.KeepsAttribution(r.Pairs) && !b.config.Reward.KeepsAttribution(r.pairsAfter()) {
			b.reevaluate = append(b.reevaluate, r.UserID) // its attribution follows the facts again
		}
	}
	for campaign, c := range b.countsAside {
		d.countsOf(campaign).awaitingPurchase += c.awaitingPurchase
	}
	slices.SortFunc(d.pairs, func(a, b *pairRow) int {
		return reward.CompareAdmission(a.userID, &a.Decision, b.userID, &b.Decision)
	})
	return d
}

// send sends the queued statements, if there are any.
func (b *batch) send(ctx context.Context, queries *pgx.Batch) error {
	if queries.Len() == 0 {
		return nil
	}
	return b.tx.SendBatch(ctx, queries).Close()
}
