package engine

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/referral-operator/referral-operator/internal/database"
)

// worker takes one batch after the other for as long as there is work.
type worker struct {
	engine *Engine
	number int
	first  int // shard to begin the next claim with
	size   int // changes in the next batch
	// blocked: the last batch left somebody in line for another's turn.
	blocked bool
	split   split // what the next batch may take after failures
	delay   *backoff.ExponentialBackOff
}

func newWorker(e *Engine, number int) *worker {
	return &worker{
		engine: e,
		number: number,
		first:  number * shards / e.options.Workers,
		size:   e.options.BatchSize,
		split:  split{size: e.options.BatchSize},
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
		took, atOnce, err := w.attempt(ctx)
		switch {
		case err == nil && !took:
			return
		case err == nil:
			w.delay.Reset()
		case !atOnce:
			wait := w.delay.NextBackOff()
			w.engine.log.Warn("A batch was rolled back", "error", database.Message(err), "retryIn", wait.Round(time.Millisecond))
			pause(ctx, wait)
			return
		}
	}
}

// attempt does one batch and reports whether there was one to do. After an error
// it reports whether another attempt, which takes something else, may follow at
// once.
func (w *worker) attempt(ctx context.Context) (took, atOnce bool, err error) {
	for {
		config := w.engine.config.Load()
		if config == nil || !w.engine.mayDecide(config) {
			return false, true, nil
		}
		began := time.Now()
		turn := w.split.next(began, w.first, w.claimed(), w.size)
		b := newBatch(w.engine, config, turn)
		took, err := b.run(ctx)
		if err != nil {
			return false, w.accept(ctx, b, began, err), err
		}
		_, more := w.split.report(turn, b.ending(began, nil))
		w.engine.report(w.number, w.split.stuck())
		if took {
			w.committed(b)
			return true, true, nil
		}
		if !more {
			return false, true, nil
		}
	}
}

// committed lets the next batch go on behind this one.
func (w *worker) committed(b *batch) {
	w.engine.recover()
	if b.turn.own {
		return
	}
	w.blocked = b.blocked
	w.first = (int(b.shards[len(b.shards)-1]) + 1) % shards
	w.size = min(2*w.size, w.engine.options.BatchSize)
}

// claimed is how many shards a batch may have. While somebody stays in line
// for the turn of another, whose shard others may be at, it takes all that are
// free: whoever is first is then among them.
func (w *worker) claimed() int {
	if w.blocked {
		return shards
	}
	return shardsPerBatch
}

// accept does what lets the next attempt do better, and reports whether that may
// follow at once.
func (w *worker) accept(ctx context.Context, b *batch, began time.Time, err error) (atOnce bool) {
	w.engine.stats.failures.Add(1)
	end := b.ending(began, err)
	switch {
	case ctx.Err() != nil:
		return true
	case errors.Is(err, errConfigurationMoved):
		_, err := w.engine.reload(ctx)
		return err == nil
	case errors.Is(err, errBatchTooLarge) && !b.turn.own && w.size > 1:
		w.size = max(1, w.size/2)
		return true
	case len(end.shards) == 0 || end.fault == database.FaultDatabase:
		w.engine.fail(err)
		return false
	}
	atOnce, _ = w.split.report(b.turn, end)
	w.engine.report(w.number, w.split.stuck())
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
