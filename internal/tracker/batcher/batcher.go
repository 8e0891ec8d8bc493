// Package batcher lets concurrent callers share one statement and one round trip to the database.
package batcher

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// ErrFull is returned when as many items wait as may. The item was not added.
var ErrFull = errors.New("too many requests wait for the database")

// Batcher collects items and hands them to Do in batches. It never delays an item to fill a batch:
// the items that arrive while a batch is in progress are the next batch. So a lone item is as fast
// as without a Batcher, and a hundred concurrent ones share a round trip.
//
// A Batcher needs no Run: its goroutines start when items arrive and end when none wait.
type Batcher[I, O any] struct {
	// Do processes a batch and returns one answer per item, in their order. Its context has the
	// values of one caller's context and is never cancelled; Do bounds its own time.
	Do func(ctx context.Context, items []I) []O

	BatchSize int // most items in a batch
	Parallel  int // most batches in progress at a time
	Waiting   int // most items that wait; 0: no limit

	mu      sync.Mutex
	waiting []*Call[I, O]
	running int
}

// Call is one item, and its answer once its batch is done.
type Call[I, O any] struct {
	of     *Batcher[I, O]
	ctx    context.Context
	item   I
	done   chan struct{} // closed: answer and err are final, and the item is not used any more
	answer O
	err    error // why the item was dropped
}

// Add adds an item to the next batch. If ctx ends before the batch begins, the item is dropped and
// Wait returns ctx's error.
func (b *Batcher[I, O]) Add(ctx context.Context, item I) (*Call[I, O], error) {
	c := &Call[I, O]{of: b, ctx: ctx, item: item, done: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Waiting > 0 && len(b.waiting) >= b.Waiting {
		return nil, ErrFull
	}
	b.waiting = append(b.waiting, c)
	if b.running < b.Parallel {
		b.running++
		// The end of one request must not end the batch of the others.
		go b.run(context.WithoutCancel(ctx))
	}
	return c, nil
}

// Wait returns the answer, the error of Add's context if the item was dropped, or ctx's error if
// ctx ends first. Several goroutines may wait, each with a context of its own.
func (c *Call[I, O]) Wait(ctx context.Context) (answer O, err error) {
	select {
	case <-c.done:
		return c.answer, c.err
	case <-ctx.Done():
		if c.ctx.Err() != nil {
			c.of.drop(c)
		}
		return answer, ctx.Err()
	}
}

// Done is closed once the item is not used any more. That may be after Wait has returned.
func (c *Call[I, O]) Done() <-chan struct{} { return c.done }

// drop removes an item whose context has ended, unless its batch has begun.
func (b *Batcher[I, O]) drop(c *Call[I, O]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := slices.Index(b.waiting, c); at >= 0 {
		b.waiting = slices.Delete(b.waiting, at, at+1)
		c.err = c.ctx.Err()
		close(c.done)
	}
}

// Idle reports whether no batch is in progress and no item waits.
func (b *Batcher[I, O]) Idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.running == 0
}

// run processes batches until no item waits.
func (b *Batcher[I, O]) run(ctx context.Context) {
	for {
		calls := b.next()
		if calls == nil {
			return
		}
		items := make([]I, len(calls))
		for i, c := range calls {
			items[i] = c.item
		}
		for i, answer := range b.Do(ctx, items) {
			calls[i].answer = answer
		}
		for _, c := range calls {
			close(c.done)
		}
	}
}

// next removes the next batch from the waiting items. nil ends the calling goroutine.
func (b *Batcher[I, O]) next() []*Call[I, O] {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.waiting) > 0 {
		n := min(len(b.waiting), b.BatchSize)
		var calls []*Call[I, O]
		for _, c := range b.waiting[:n] {
			if c.err = c.ctx.Err(); c.err != nil {
				close(c.done)
				continue
			}
			calls = append(calls, c)
		}
		b.waiting = append([]*Call[I, O]{}, b.waiting[n:]...)
		if len(calls) > 0 {
			return calls
		}
	}
	b.waiting = nil
	b.running--
	return nil
}
