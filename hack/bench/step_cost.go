package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/engine"
)

const (
	batchChanges  = 100
	batchGroups   = 4 // of a fourth of the shards each, which is as many as a batch takes
	batchesARound = 12
)

// stepCostGrowth is the processor time of a batch of 100 changes with a million pairs in the
// database, over that with 10,000. The changes are refunds of pairs that were granted, so each
// changes every result table. Batches alternate between the two databases, so that changes of the
// machine's speed affect both.
func stepCostGrowth(ctx context.Context, w *world) (all []series, err error) {
	small, err := w.converged(ctx, max(w.scaled(10_000), w.stepReferees()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, small.drop(ctx)) }()
	large, err := w.million(ctx)
	if err != nil {
		return nil, err
	}
	steps := [2]*steps{{shop: small, world: w, engine: small.newEngine()}, {shop: large, world: w, engine: large.newEngine()}}
	for _, s := range steps {
		if err := s.choose(ctx, w.rounds+1); err != nil {
			return nil, fmt.Errorf("while choosing referees: %w", err)
		}
	}
	ratios, err := w.alternate(ctx, "pairs", stepSide{small, steps[0].batch}, stepSide{large, steps[1].batch})
	return []series{ratios}, err
}

// stepSide is a step in one of two shops that are compared; it returns its processor time.
type stepSide struct {
	shop *shop
	run  func(context.Context) (seconds float64, err error)
}

// alternate takes turns with steps of a few and of many of something, and returns each round's
// processor time of the latter over that of the former.
func (w *world) alternate(ctx context.Context, what string, few, many stepSide) (ratios series, err error) {
	for round := range w.rounds + 1 {
		var took [2]series
		for range batchesARound {
			for i, step := range [...]stepSide{few, many} {
				seconds, err := step.run(ctx)
				if err != nil {
					return nil, err
				}
				took[i] = append(took[i], seconds)
			}
		}
		cheap, dear := took[0].median(), took[1].median()
		if round == 0 { // that one warms the caches
			if err := w.forgetStatements(ctx); err != nil {
				return nil, err
			}
			continue
		}
		ratios = append(ratios, dear/cheap)
		w.say("round %d of %d: %.1f ms with many %s, %.1f ms with few: %.3f", round, w.rounds, 1000*dear, what, 1000*cheap, dear/cheap)
	}
	return ratios, errors.Join(w.showStatements(ctx, few.shop), w.showStatements(ctx, many.shop))
}

// stepReferees are enough for all batches, though groups are not of one size.
func (w *world) stepReferees() int { return (w.rounds + 1) * batchesARound * batchChanges * 5 / 4 }

// converged makes a shop with so many pairs, one a referee, all granted.
func (w *world) converged(ctx context.Context, pairs int) (*shop, error) {
	s, err := w.newShop(ctx)
	if err != nil {
		return nil, err
	}
	w.say("writing and deciding %d pairs", pairs)
	err = func() error {
		if err := errors.Join(s.invite(ctx), s.signUp(ctx, 1, pairs), s.buy(ctx, pairs, 1)); err != nil {
			return err
		}
		if _, err := s.drain(ctx, pairs); err != nil {
			return err
		}
		return s.tidy(ctx)
	}()
	if err != nil {
		return nil, errors.Join(err, s.drop(ctx))
	}
	return s, nil
}

// million returns the one shop with a million pairs, and creates it on first use.
func (w *world) million(ctx context.Context) (*shop, error) {
	if w.large == nil {
		var err error
		if w.large, err = w.converged(ctx, max(w.scaled(1_000_000), w.stepReferees())); err != nil {
			return nil, err
		}
	}
	return w.large, nil
}

// steps makes one batch after the other in one shop.
type steps struct {
	*shop
	world    *world
	engine   *engine.Engine
	referees [batchGroups][]string // not refunded yet
	group    int
}

// choose finds referees for so many rounds.
func (s *steps) choose(ctx context.Context, rounds int) error {
	const groupsBatches = batchesARound / batchGroups
	for group := range s.referees {
		rows, err := s.db.Query(ctx, statement("step_referees"), group, rounds*groupsBatches*batchChanges, batchGroups)
		if err != nil {
			return err
		}
		if s.referees[group], err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
	}
	return nil
}

// batch refunds 100 purchases and returns the processor time that the engine took to do it, without
// what it takes to find nothing to do.
func (s *steps) batch(ctx context.Context) (seconds float64, err error) {
	left := s.referees[s.group]
	if len(left) < batchChanges {
		return 0, errors.New("there are too few referees for so many batches")
	}
	chosen := left[:batchChanges]
	s.referees[s.group] = left[batchChanges:]
	s.group = (s.group + 1) % batchGroups

	if _, err := s.writer.Exec(ctx, statement("refund_chosen"), chosen); err != nil {
		return 0, err
	}
	before := s.engine.Stats()
	took, err := s.converge(ctx)
	if err != nil {
		return 0, err
	}
	after := s.engine.Stats()
	if after.Batches != before.Batches+1 || after.Entries != before.Entries+batchChanges {
		return 0, fmt.Errorf("one batch with %d entries was to be measured, but there were %d with %d",
			batchChanges, after.Batches-before.Batches, after.Entries-before.Entries)
	}
	idle, err := s.converge(ctx)
	return took - idle, err
}

// converge decides everything that is pending, and returns the processor time in seconds.
func (s *steps) converge(ctx context.Context) (float64, error) {
	before := s.world.processorTime()
	err := s.engine.Converge(ctx)
	return s.world.processorTime().since(before).seconds(), err
}
