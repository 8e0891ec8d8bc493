package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
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

// fenceRollouts does the batch's steps of rollouts, lets rollouts last until deferred referees are
// decided, and enqueues again the referees of the batch that a rollout has come to since the batch
// read how far it was: the step did not see what this batch attributed. It comes after all other
// locks but that of the epoch.
func (b *batch) fenceRollouts(ctx context.Context) error {
	reached, err := b.lockRollouts(ctx)
	if err != nil {
		return err
	}
	var q pgx.Batch
	if len(b.resumed) > 0 {
		q.Queue(b.statement("prolong_rollout"), b.resumed)
	}
	if len(reached) > 0 {
		q.Queue(b.statement("enqueue_referee"), reached)
	}
	if err := b.send(ctx, &q); err != nil || b.rollouts == nil {
		return err
	}
	return b.expandNow(ctx, map[string]*expansion{kindRollout: b.rollouts})
}

// lockRollouts keeps the unfinished rollouts where they are, and returns the referees of the batch
// that they have come to since these were decided.
func (b *batch) lockRollouts(ctx context.Context) ([]string, error) {
	lock, names := "lock_rollout", b.config.RollingOut
	if b.rollouts != nil {
		lock, names = "lock_rollout_step", slices.Concat(names, b.rollouts.keys)
	}
	if len(names) == 0 {
		return nil, nil
	}
	var campaign string
	var revision int
	var come reward.Rollout
	reached := map[string]bool{} // user_ids
	rows, err := b.tx.Query(ctx, b.statement(lock), names)
	if err != nil {
		return nil, err
	}
	err = postgres.ForEachRow(rows, []any{&campaign, &revision, &come.Reached, &come.All}, func() error {
		b.addReached(campaign, revision, &come, reached)
		return nil
	})
	return slices.Sorted(maps.Keys(reached)), err
}

// addReached adds the referees of the batch that a rollout has come to since they were decided.
func (b *batch) addReached(campaign string, revision int, come *reward.Rollout, reached map[string]bool) {
	c := b.config.Reward.Campaigns[campaign]
	if c == nil {
		return
	}
	at := slices.IndexFunc(c.Revisions, func(r reward.Revision) bool { return r.Number == revision })
	if at < 0 {
		return // declared meanwhile: the batch is rolled back
	}
	was := c.Revisions[at].Rollout
	for _, r := range b.referees {
		if r.cause == nil && come.Reaches(r.UserID) && !was.Reaches(r.UserID) {
			reached[r.UserID] = true
		}
	}
}
