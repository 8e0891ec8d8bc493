package engine

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// backlogFactor is how many times larger than usual batches become while there is a backlog. A
// batch updates each referrer and account once, however many of its referees concern it.
const backlogFactor = 2

// usualBatch is the number of changes in a batch while there is no backlog.
func (e *Engine) usualBatch() int { return max(1, e.options.BatchSize/backlogFactor) }

// worker runs one batch after the other while there is work.
type worker struct {
	engine        *Engine
	number        int
	firstShard    int      // shard to begin the next batch with; beyond the last shard it begins with the first
	changes       int      // most changes in the next batch
	mostChanges   int      // most changes in any batch
	allocatesNext bool     // the next attempt begins with allocation requests
	splits        [2]split // what the next batch of the change queue, or of a waitlist, may work on after failures
	delay         *backoff.ExponentialBackOff
}

func newWorker(e *Engine, number int) *worker {
	return &worker{
		engine:      e,
		number:      number,
		firstShard:  number * shardsPerBatch, // each worker begins after the shards of the one before
		changes:     e.usualBatch(),
		mostChanges: e.options.BatchSize,
		splits:      [2]split{{full: e.usualBatch() / shardsPerBatch}, {full: e.usualBatch()}},
		delay:       newBackoff(),
	}
}

// run works each time it is woken, until ctx ends.
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

// work runs batches until there is nothing left that no other worker is doing, or until one has to
// wait after a failure. The next successful poll wakes the worker again.
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
			w.engine.log.Warn("A batch was rolled back", "error", logged(err), "retryIn", wait.Round(time.Millisecond))
			pause(ctx, wait)
			return
		}
	}
}

// attempt runs one batch and reports whether there was one to run. Changes and allocation requests
// take turns, so that neither starves the other. After an error it reports whether another attempt,
// at something else, may follow at once.
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
		more[of] = split.succeeded(b.turn, b.ending(began, nil))
		w.engine.setStuck(w.number, w.stuck())
		if did {
			w.prepareNext(b)
			return true, true, nil
		}
	}
	return false, true, nil
}

// stuck returns why one of the worker's shards or campaigns makes no progress; nil: all make
// progress.
func (w *worker) stuck() error {
	return cmp.Or(w.splits[0].stuck(), w.splits[1].stuck())
}

// prepareNext lets the next batch begin with other shards and be larger: up to the usual size again
// after a failure, and beyond it while there is a backlog.
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

// handleFailure adapts the next attempt to a failure, and reports whether that attempt may follow
// at once.
func (w *worker) handleFailure(ctx context.Context, split *split, b *batch, began time.Time, err error) (atOnce bool) {
	w.engine.stats.failures.Add(1)
	if ctx.Err() == nil {
		w.engine.observeFailure(err)
	}
	end := b.ending(began, err)
	switch {
	case ctx.Err() != nil:
		return true
	case errors.Is(err, ErrConfigurationMoved):
		_, err := w.engine.reload(ctx)
		return err == nil
	case errors.Is(err, errBatchTooLarge) && b.turn.suspect == "" && w.changes > 1:
		w.mostChanges = w.engine.usualBatch() // the referees are too large for larger batches
		w.changes = max(1, w.changes/2)
		return true
	case len(end.units) == 0 || end.fault == postgres.FaultDatabase:
		w.engine.setFailure(err)
		return false
	case errors.Is(err, context.DeadlineExceeded) && b.turn.suspect == "":
		w.changes = max(1, w.changes/2) // the server was silent, or is so slow that a smaller batch must do
	}
	atOnce = split.failure(b.turn, end)
	w.engine.setStuck(w.number, w.stuck())
	return atOnce
}

// newBackoff waits 50 ms at first and 5 s at most, jittered, without an end.
func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 50 * time.Millisecond
	b.MaxInterval = 5 * time.Second
	return b
}

// pause waits for the given time, or until ctx ends.
func pause(ctx context.Context, wait time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}
