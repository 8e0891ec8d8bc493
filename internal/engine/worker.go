package engine

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// backlogFactor is how many times larger than usual batches grow while there is a backlog. Referrers
// and accounts are counted once a batch, however many referees of theirs are in it.
const backlogFactor = 2

// usualBatch is how many changes are in a batch while there is no backlog.
func (e *Engine) usualBatch() int { return max(1, e.options.BatchSize/backlogFactor) }

// worker takes one batch after the other for as long as there is work.
type worker struct {
	engine        *Engine
	number        int
	firstShard    int      // shard to begin the next claim with; behind the last, it begins with the first
	changes       int      // changes in the next batch
	mostChanges   int      // changes in any batch
	allocatesNext bool     // the next attempt begins with allocation requests
	splits        [2]split // what the next batch of the change queue, or of a waitlist, may take after failures
	delay         *backoff.ExponentialBackOff
}

func newWorker(e *Engine, number int) *worker {
	return &worker{
		engine:      e,
		number:      number,
		firstShard:  number * shardsPerBatch, // each worker behind the shards of the one before
		changes:     e.usualBatch(),
		mostChanges: e.options.BatchSize,
		splits:      [2]split{{full: e.usualBatch() / shardsPerBatch}, {full: e.usualBatch()}},
		delay:       newBackoff(),
	}
}

// run works until ctx ends, each time it is woken.
func (w *worker) run(ctx context.Context, wake <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
			w.engine.busy.Add(1)
			w.work(ctx)
			w.engine.busy.Add(-1)
		}
	}
}

// work does batches until there is nothing to do, or nothing that others are
// not doing, or until the database is in trouble: the next poll that succeeds
// wakes the worker again.
func (w *worker) work(ctx context.Context) {
	for ctx.Err() == nil {
		did, atOnce, err := w.attempt(ctx)
		switch {
		case err == nil && !did:
			return
		case err == nil:
			w.delay.Reset()
		case !atOnce:
			wait := w.delay.NextBackOff()
			w.engine.log.Warn("A batch was rolled back", "error", postgres.Message(err), "retryIn", wait.Round(time.Millisecond))
			pause(ctx, wait)
			return
		}
	}
}

// attempt does one batch and reports whether there was one to do. Changes and allocation requests
// take turns, so that a stream of the one does not starve the other. After an error it reports
// whether another attempt, at something else, may follow at once.
func (w *worker) attempt(ctx context.Context) (did, atOnce bool, err error) {
	config := w.engine.config.Load()
	if config == nil || !w.engine.mayDecide(config) {
		return false, true, nil
	}
	for more := [2]bool{true, true}; more[0] || more[1]; {
		w.allocatesNext = !w.allocatesNext
		of := 0
		if w.allocatesNext {
			of = 1
		}
		if !more[of] {
			continue
		}
		split, began := &w.splits[of], time.Now()
		b := newBatch(w.engine, config, split.next(began, w.firstShard, w.changes))
		choose := b.chooseChanges
		if w.allocatesNext {
			choose = b.chooseWaiting
		}
		if did, err = b.run(ctx, choose); err != nil {
			return false, w.handleFailure(ctx, split, b, began, err), err
		}
		_, more[of] = split.ended(b.turn, b.ending(began, nil))
		w.engine.setStuck(w.number, w.stuck())
		if did {
			w.prepareNext(b)
			return true, true, nil
		}
	}
	return false, true, nil
}

// stuck is why something that the worker has tried makes no progress; nil: all does.
func (w *worker) stuck() error {
	return cmp.Or(w.splits[0].stuck(), w.splits[1].stuck())
}

// after lets the next batch begin with other shards, and be larger: up to its usual size again after
// a failure, and beyond it while there is a backlog.
func (w *worker) prepareNext(b *batch) {
	w.engine.clearFailure()
	if b.turn.suspect != "" {
		return
	}
	if b.allocatesFor == "" {
		w.firstShard = int(b.shards[len(b.shards)-1]) + 1
	}
	most := w.engine.usualBatch()
	if 2*len(b.referees) >= b.turn.size {
		most = w.mostChanges
	}
	w.changes = min(2*w.changes, most)
}

// accept does what lets the next attempt do better, and reports whether that may
// follow at once.
func (w *worker) handleFailure(ctx context.Context, split *split, b *batch, began time.Time, err error) (atOnce bool) {
	w.engine.stats.failures.Add(1)
	end := b.ending(began, err)
	switch {
	case ctx.Err() != nil:
		return true
	case errors.Is(err, errConfigurationMoved):
		_, err := w.engine.reload(ctx)
		return err == nil
	case errors.Is(err, errBatchTooLarge) && b.turn.suspect == "" && w.changes > 1:
		w.mostChanges = w.engine.usualBatch() // what there is does not suit larger ones
		w.changes = max(1, w.changes/2)
		return true
	case len(end.units) == 0 || end.fault == postgres.FaultDatabase:
		w.engine.setFailure(err)
		return false
	}
	atOnce, _ = split.ended(b.turn, end)
	w.engine.setStuck(w.number, w.stuck())
	return atOnce
}

// newBackoff waits 50 ms at first and 5 s at most, jittered, for ever.
func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 50 * time.Millisecond
	b.MaxInterval = 5 * time.Second
	return b
}

// pause waits, or less when ctx ends.
func pause(ctx context.Context, wait time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}
