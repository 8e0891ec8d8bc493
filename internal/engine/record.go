package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// record writes the difference between what is recorded of the batch's
// referees and what was decided. Where there is none it writes nothing.
//
// Rows that other batches may want come last and are locked in one order
// everywhere: referrers by key, then accounts by key. All others belong to
// referees of locked shards, or to the shards themselves.
func (b *batch) record(ctx context.Context) error {
	d := newDifferences(len(b.referees))
	for _, r := range b.referees {
		d.compare(r)
		if r.cause == nil && len(r.outcome.Claims) > 0 {
			d.compareDigest(r, r.restsOn(b.config.Reward))
		}
	}
	slices.SortFunc(d.pairs, inOrderOfAdmission)

	var writes pgx.Batch
	d.writeOwn(&writes, b.statement, b.shards[0])
	d.countReferrers(&writes, b.statement)
	d.drawOrders(&writes, b.statement)
	if err := b.send(ctx, &writes); err != nil {
		return err
	}
	writes = pgx.Batch{}
	d.writePairs(&writes, b.statement)
	b.notes.write(&writes, b.statement) // of what stands in line now
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
			if p := &d.pairs[i]; p.admitted {
				next[p.referrer()]--
			}
		}
		for i := range d.pairs {
			if p := &d.pairs[i]; p.admitted && p.Ordinal == 0 {
				p.Ordinal = next[p.referrer()]
				next[p.referrer()]++
			}
		}
		return nil
	})
}

// drawOrders gives those that count from now on their places at the end of the
// line.
func (d *differences) drawOrders(writes *pgx.Batch, statement func(string) string) {
	var counts []*pairRow
	for i := range d.pairs {
		if p := &d.pairs[i]; p.counts {
			counts = append(counts, p)
		}
	}
	if len(counts) == 0 {
		return
	}
	writes.Queue(statement("draw_order"), len(counts)).Query(func(rows pgx.Rows) error {
		orders, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		for i := range orders {
			counts[i].order = &orders[i]
		}
		return err
	})
}

// inOrderOfAdmission puts pairs that have a place in line before those that get
// one, as inLine does with claims.
func inOrderOfAdmission(a, b pairRow) int {
	switch {
	case a.Order > 0 && b.Order > 0:
		return cmp.Compare(a.Order, b.Order)
	case a.Order > 0:
		return -1
	case b.Order > 0:
		return 1
	}
	if c := a.QualifiedAt.Compare(b.QualifiedAt); c != 0 {
		return c
	}
	if c := strings.Compare(a.userID, b.userID); c != 0 {
		return c
	}
	return strings.Compare(a.PurchaseID, b.PurchaseID)
}
