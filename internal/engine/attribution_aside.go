package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// recordAttributionsAside records the attributions of those set-aside referees that the batch
// erases, or whose attributions it fixes: an attribution depends on no purchase, and soon no touch
// leads to it any more. If the data of the only referee of the batch prevents that, the step of its
// erasure is postponed, or the erasure that asked for the fix goes on asking.
func (b *batch) recordAttributionsAside(ctx context.Context) error {
	var users []string
	for _, r := range b.referees {
		if r.cause != nil && (r.erases != nil || slices.Contains(b.fixes, r.UserID)) {
			users = append(users, r.UserID)
		}
	}
	if len(users) == 0 {
		return nil
	}
	record := func(ctx context.Context) error { return b.attributeAside(ctx, users) }
	if len(b.referees) > 1 {
		return record(ctx) // after a failure the batch is split
	}
	failure, err := b.attemptAside(ctx, record)
	if failure != nil {
		b.logNotFixed(failure)
		b.referees[0].erases.postpone(b, failure)
		b.fixes = nil // the recorded attribution may not be the one that the facts give
	}
	return err
}

// errAttributionAside reports that recording or fixing the attribution of a set-aside referee ended
// the connection.
var errAttributionAside = errors.New("while recording or fixing an attribution")

// attemptAside is attempt for recording or fixing the attribution of the batch's only referee, which
// is set aside. If that ended the connection of the last turn, it returns that failure at once.
func (b *batch) attemptAside(ctx context.Context, do func(context.Context) error) (failure, err error) {
	if cause := b.referees[0].cause; errors.Is(cause, errAttributionAside) {
		return cause, nil
	}
	failure, err = b.attempt(ctx, causedByBatch, do)
	if errors.Is(err, errEndedConnection) {
		err = fmt.Errorf("%w: %w", errAttributionAside, err)
	}
	return failure, err
}

// logNotFixed logs why the attribution of the batch's only referee could not be recorded or fixed.
func (b *batch) logNotFixed(cause error) {
	b.engine.log.Error("An attribution could not be fixed for an erasure: table erasing names the user", "cause", logged(cause))
}

// attributeAside records the attributions that the facts give these set-aside referees. A referee
// with pairs keeps the recorded one, which its pairs have to agree with.
func (b *batch) attributeAside(ctx context.Context, users []string) error {
	aside := newBatch(b.engine, b.config, b.turn)
	defer aside.releaseMemory()
	aside.tx, aside.now = b.tx, b.now
	if err := aside.setReferees(users); err != nil {
		return err
	}
	if err := aside.loadForAttribution(ctx); err != nil {
		return err
	}
	var attributions attributionDifferences
	counts := newDifferences(0)
	for _, r := range aside.referees {
		if r.unfit != nil {
			return r.unfit
		}
		r.outcome.Attribution = reward.AttributionOf(b.config.Reward, &r.Referee)
		attributions.add(r, basis{via: &r.via}) // no decision rests on the other facts
		counts.countAwaiting(r, 0)
	}
	var writes pgx.Batch
	attributions.write(&writes, b.statement)
	if err := b.send(ctx, &writes); err != nil {
		return err
	}
	b.countsAside = counts.pairCounts
	for _, r := range aside.referees {
		b.byID[r.UserID].Attribution = r.outcome.Attribution
	}
	return nil
}

// loadForAttribution reads what the attributions of the batch's referees depend on, and drops the
// referees that have pairs.
func (b *batch) loadForAttribution(ctx context.Context) error {
	o := &ownLoads{batch: b, ids: b.userIDs()}
	o.queueSignup(false)
	o.queueAttribution()
	withPairs := map[string]bool{}
	o.queue("find_with_pair", nil, func(r *referee) { withPairs[r.UserID] = true })
	if err := b.send(ctx, &o.Batch); err != nil {
		return err
	}
	b.drop(func(r *referee) bool { return withPairs[r.UserID] })
	return b.loadLinks(ctx)
}
