package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// loadRollouts reads how far unfinished rollouts have come, into a configuration of the batch's
// own. The shards of the batch's referees must be locked.
//
// Once no rollout is unfinished, the engine goes on with that configuration.
func (b *batch) loadRollouts(ctx context.Context) error {
	if len(b.config.RollingOut) == 0 {
		return nil
	}
	var q pgx.Batch
	var campaign string
	var revision int
	var rollout reward.Rollout
	fresh := *b.config
	fresh.Reward = &reward.Configuration{Attribution: b.config.Reward.Attribution, Campaigns: maps.Clone(b.config.Reward.Campaigns)}
	fresh.RollingOut = nil
	q.Queue(b.statement("load_rollout"), b.config.RollingOut).Query(b.each([]any{&campaign, &revision, &rollout.Reached, &rollout.All}, func() {
		c := *fresh.Reward.Campaigns[campaign]
		c.Revisions = slices.Clone(c.Revisions)
		at := slices.IndexFunc(c.Revisions, func(r reward.Revision) bool { return r.Number == revision })
		if at < 0 {
			return // declared meanwhile: the batch is rolled back
		}
		come := rollout
		c.Revisions[at].Rollout = &come
		fresh.Reward.Campaigns[campaign] = &c
		fresh.noteRollout(&c)
	}))
	if err := b.send(ctx, &q); err != nil {
		return err
	}
	if len(fresh.RollingOut) == 0 {
		b.engine.config.CompareAndSwap(b.config, &fresh)
	}
	b.config = &fresh
	return nil
}
