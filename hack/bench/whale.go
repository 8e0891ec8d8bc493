package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// whaleCap is how many pairs of the one referrer are admitted; all others wait.
const whaleCap = 5_000

// whaleStep is the processor time that 100 refunds take with one referrer who has a million
// referees, nearly all of whose pairs wait, over that with some ten thousand. Each refund frees
// capacity for the first pair on the waitlist.
func whaleStep(ctx context.Context, w *world) (all []series, err error) {
	refunds := (w.rounds + 1) * batchesARound * batchChanges
	limit := max(batchChanges, min(whaleCap, w.scaled(whaleCap)))
	few := 2*limit + 2*refunds
	small, err := w.whale(ctx, few, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, small.drop(ctx)) }()
	large, err := w.whale(ctx, max(w.scaled(1_000_000), few), limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, large.drop(ctx)) }()
	ratios, err := w.alternate(ctx, "waiting", stepSide{small.shop, small.refund}, stepSide{large.shop, large.refund})
	return []series{ratios}, err
}

// whale is a shop with one referrer.
type whale struct{ steps }

// whale makes one with so many referees, as many of them admitted as the cap and the budget let.
func (w *world) whale(ctx context.Context, referees, limit int) (*whale, error) {
	s, err := w.newShop(ctx)
	if err != nil {
		return nil, err
	}
	w.say("writing and deciding %d referees of one referrer", referees)
	err = errors.Join(
		s.limit(ctx, reward.Limits{PairsPerReferrer: int64(limit)}, int64(500*limit)),
		s.invite(ctx),
		s.inBulk(ctx, "write_signups", 1, referees, 1),
		s.buy(ctx, referees, 1),
	)
	if err == nil {
		_, err = s.drain(ctx, referees)
	}
	if err == nil {
		err = s.tidy(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.drop(ctx))
	}
	return &whale{steps: steps{shop: s, world: w, engine: s.newEngine()}}, nil
}

// refund refunds 100 admitted pairs and returns the processor time that it takes until as many
// others are admitted.
func (s *whale) refund(ctx context.Context) (seconds float64, err error) {
	return s.makeWay(ctx, batchChanges)
}

// makeWay refunds the pairs that were admitted first and returns the processor time that it takes
// until as many others are admitted, without what it takes to find nothing to do.
func (s *steps) makeWay(ctx context.Context, refunds int) (seconds float64, err error) {
	rows, err := s.db.Query(ctx, statement("whale_admitted"), refunds)
	if err != nil {
		return 0, err
	}
	chosen, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, err
	}
	if _, err := s.writer.Exec(ctx, statement("refund_chosen"), chosen); err != nil {
		return 0, err
	}
	before := s.engine.Stats()
	took, err := s.converge(ctx)
	if err != nil {
		return 0, err
	}
	if got := s.engine.Stats().Entries - before.Entries; got != uint64(2*refunds) {
		return 0, fmt.Errorf("%d refunds were to make way for as many, but there were %d entries", refunds, got)
	}
	idle, err := s.converge(ctx)
	return took - idle, err
}
