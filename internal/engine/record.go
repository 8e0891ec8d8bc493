package engine

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// record writes the difference between what is recorded of the batch's
// referees and what was decided. Where there is none it writes nothing.
//
// Rows that other batches may want come last and are locked in one order
// everywhere: referrers by key, then accounts by key. All others belong to
// referees of locked shards, or to the shards themselves.
func (b *batch) record(ctx context.Context) error {
	d := newDifferences(len(b.referees))
	d.postponedReferees = b.withheldUsers
	for _, r := range b.referees {
		d.compare(r, b.config.Reward, b.now)
		if r.cause != nil {
			continue
		}
		if len(r.outcome.Claims) > 0 {
			d.hasClaims = true
			d.compareDigest(r, r.currentDigest(b.config.Reward))
		}
		if b.config.Reward.KeepsAttribution(r.Pairs) && !b.config.Reward.KeepsAttribution(r.pairsAfter()) {
			b.reevaluate = append(b.reevaluate, r.UserID) // from now on its attribution follows the facts
		}
	}
	slices.SortFunc(d.pairs, func(a, b *pairRow) int {
		return reward.CompareAdmission(a.userID, &a.Decision, b.userID, &b.Decision)
	})

	var shard int16
	if len(b.shards) > 0 {
		shard = b.shards[0]
	}
	var writes pgx.Batch
	d.writeOwn(&writes, b.statement, shard)
	d.countReferrers(&writes, b.statement)
	d.drawOrders(&writes, b.statement)
	if err := b.send(ctx, &writes); err != nil {
		return err
	}
	writes = pgx.Batch{}
	d.writePairs(&writes, b.statement)
	b.writeWaitlist(&writes, d)
	d.writeAccounts(&writes, b.statement)
	return b.send(ctx, &writes)
}

// send sends what was queued, if anything was.
func (b *batch) send(ctx context.Context, queries *pgx.Batch) error {
	if queries.Len() == 0 {
		return nil
	}
	return b.tx.SendBatch(ctx, queries).Close()
}

// countReferrers counts admitted pairs per referrer and gives those that are
// admitted now, and have none yet, their ordinals in the order of admission.
func (d *differences) countReferrers(writes *pgx.Batch, statement func(string) string) {
	if len(d.referrers.campaign) == 0 {
		return
	}
	c := &d.referrers
	writes.Queue(statement("record_referrer"), c.campaign, c.referrerID, c.pairs).Query(func(rows pgx.Rows) error {
		// What is counted now includes what this batch admits.
		next := map[referrerKey]int64{}
		var key referrerKey
		var pairs int64
		if _, err := pgx.ForEachRow(rows, []any{&key.campaign, &key.referrerID, &pairs}, func() error {
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

// drawOrders gives pairs that count from now on the next admission orders.
func (d *differences) drawOrders(writes *pgx.Batch, statement func(string) string) {
	var counts []*pairRow
	for i := range d.pairs {
		if p := d.pairs[i]; p.drawsOrder {
			counts = append(counts, p)
		}
	}
	if len(counts) == 0 {
		return
	}
	writes.Queue(statement("draw_admission_order"), len(counts)).Query(func(rows pgx.Rows) error {
		orders, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		for i := range orders {
			counts[i].order = &orders[i]
			if w := counts[i].waitlistWrite; w != nil {
				w.order = orders[i]
			}
		}
		return err
	})
}
