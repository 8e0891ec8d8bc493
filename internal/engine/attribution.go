package engine

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// recordAttributions writes the attributions that differ, and those of set-aside referees that have
// to be recorded now. They depend on no other referee, so they
// are written before a campaign is locked for the capacity that does.
func (b *batch) recordAttributions(ctx context.Context) error {
	d := attributionDifferences{recorded: newAttributionColumns(len(b.referees))}
	exhausted := map[string]bool{}
	b.engine.exhausted.Range(func(campaign, _ any) bool {
		if name, ok := campaign.(string); ok {
			exhausted[name] = true
		}
		return true
	})
	for _, r := range b.referees {
		if r.cause == nil {
			r.exhausted = exhausted
			r.recordedBasis = r.currentBasis(b.config.Reward)
			d.compare(r, r.recordedBasis)
		}
	}
	var writes pgx.Batch
	d.write(&writes, b.statement)
	if err := b.send(ctx, &writes); err != nil {
		return err
	}
	return b.recordAttributionsAside(ctx)
}

// enqueueShared queues enqueueing again the referees with a new referrer whose fingerprints have
// changed since the batch read them: the expansion of that change did not see the attribution,
// which is not committed. It comes after the batch may have waited for a campaign. What commits
// during the batch's last statements is left to the next resync.
func (b *batch) enqueueShared(writes *pgx.Batch) {
	var c sharedColumns
	for _, r := range b.referees {
		is := r.outcome.Attribution
		if is == nil || r.Signup == nil || len(r.Signup.Fingerprints) == 0 {
			continue
		}
		if was := r.Attribution; was == nil || r.lostAttribution || was.ReferrerID != is.ReferrerID {
			c.UserIDs = append(c.UserIDs, r.UserID)
			c.ReferrerIDs = append(c.ReferrerIDs, is.ReferrerID)
			c.Shared = append(c.Shared, r.SharesFingerprint(is.ReferrerID))
		}
	}
	if len(c.UserIDs) > 0 {
		writes.Queue(b.statement("enqueue_shared"), pgx.StrictStructArgs(&c))
	}
}

// sharedColumns are referees with their referrers, and whether they share a fingerprint.
type sharedColumns struct {
	UserIDs     []string `db:"user_ids"`
	ReferrerIDs []string `db:"referrer_ids"`
	Shared      []bool   `db:"shared"`
}

// attributionDifferences are the attributions to write, and the hashes of those that stay.
type attributionDifferences struct {
	recorded attributionColumns
	removed  []string // user_ids
	basis    basisColumns
}

// compare adds what differs about one referee; current is the basis of its decision.
func (d *attributionDifferences) compare(r *referee, current basis) {
	was, is := r.Attribution, r.outcome.Attribution
	if r.lostAttribution {
		was = nil
	}
	if was == nil && is == nil {
		return
	}
	same := was != nil && is != nil && was.Same(is)
	if same && !r.mustRewrite(attributionRow) {
		if !r.basis.same(current) {
			d.basis.add(r.UserID, current)
		}
		return
	}
	if !same || r.altered(attributionRow) {
		r.markDrift(attributionRow)
	}
	d.replace(r.UserID, was, is, current)
}

// add adds the attribution of a referee that is not decided, if it differs.
func (d *attributionDifferences) add(r *referee, current basis) {
	was, is := r.Attribution, r.outcome.Attribution
	if was == nil || is == nil || !was.Same(is) {
		d.replace(r.UserID, was, is, current)
	}
}

func (d *attributionDifferences) replace(userID string, was, is *reward.Attribution, current basis) {
	if was != nil {
		d.removed = append(d.removed, userID)
	}
	if is != nil {
		d.recorded.add(userID, is, &current)
	}
}

// write queues the statements that write the differences.
func (d *attributionDifferences) write(writes *pgx.Batch, statement func(string) string) {
	if len(d.removed) > 0 {
		writes.Queue(statement("remove_attribution"), d.removed)
	}
	if len(d.recorded.UserIDs) > 0 {
		writes.Queue(statement("record_attribution"), pgx.StrictStructArgs(&d.recorded))
	}
	if m := &d.basis; len(m.userID) > 0 {
		writes.Queue(statement("record_basis"), m.userID, m.facts, m.via, m.pairs)
	}
}
