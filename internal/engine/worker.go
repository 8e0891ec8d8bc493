package engine

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/referral-operator/referral-operator/internal/database"
)

// backlogFactor is how many times larger than usual batches grow while there is a backlog. Referrers
// and accounts are counted once a batch, however many referees of theirs are in it.
const backlogFactor = 2

// usualBatch is how many changes are in a batch while there is no backlog.
func (e *Engine) usualBatch() int { return max(1, e.options.BatchSize/backlogFactor) }

// worker takes one batch after the other for as long as there is work.
type worker struct {
	engine    *Engine
	first     int  // shard to begin the next claim with; behind the last, it begins with the first
	size      int  // changes in the next batch
	most      int  // changes in any batch
	allocates bool // the next attempt begins with allocation requests
	delay     *backoff.ExponentialBackOff
}

func newWorker(e *Engine, number int) *worker {
	return &worker{
		engine: e,
		first:  number * shardsPerBatch, // each worker behind the shards of the one before
		size:   e.usualBatch(),
		most:   e.options.BatchSize,
		delay:  newBackoff(),
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
		took, err := w.attempt(ctx)
		switch {
		case err == nil && !took:
			return
		case err == nil:
			w.engine.recover()
			w.delay.Reset()
		case !w.accept(ctx, err):
			wait := w.delay.NextBackOff()
			w.engine.log.Warn("A batch was rolled back", "error", database.Message(err), "retryIn", wait.Round(time.Millisecond))
			pause(ctx, wait)
			return
		}
	}
}

// attempt does one batch and reports whether there was one to do. Changes and allocation requests
// take turns, so that a stream of the one does not starve the other.
func (w *worker) attempt(ctx context.Context) (did bool, err error) {
	config := w.engine.config.Load()
	if config == nil || !w.engine.mayDecide(config) {
		return false, nil
	}
	for range 2 {
		w.allocates = !w.allocates
		b := newBatch(w.engine, config, w.size)
		if w.allocates {
			did, err = b.run(ctx, b.head)
		} else {
			did, err = b.run(ctx, func(ctx context.Context) (bool, error) { return b.dequeue(ctx, w.first, shardsPerBatch) })
		}
		if err != nil {
			return false, err
		}
		if did {
			w.after(b)
			return true, nil
		}
	}
	return false, nil
}

// after lets the next batch begin with other shards, and be larger: up to its usual size again after
// a failure, and beyond it while there is a backlog.
func (w *worker) after(b *batch) {
	if b.allocates == "" {
		w.first = int(b.shards[len(b.shards)-1]) + 1
	}
	most := w.engine.usualBatch()
	if 2*len(b.referees) >= b.size {
		most = w.most
	}
	w.size = min(2*w.size, most)
}

// accept does what lets the next attempt do better, and tells whether that may
// follow at once. A batch that failed by its data is halved until the referee
// at fault stands alone; that one is set aside by its batch.
func (w *worker) accept(ctx context.Context, err error) (atOnce bool) {
	w.engine.stats.failures.Add(1)
	switch {
	case ctx.Err() != nil:
		return true
	case errors.Is(err, errConfigurationMoved):
		_, err := w.engine.reload(ctx)
		return err == nil
	case errors.Is(err, errBatchTooLarge), database.Data(err):
		w.most = w.engine.usualBatch() // what there is does not suit larger ones
		w.size = max(1, w.size/2)
		return true
	case database.Classify(err) == database.ClassRetryable:
		return false
	default:
		w.engine.fail(err)
		return false
	}
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
