package touches

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

const writeTimeout = 10 * time.Second

// write writes groups until the queue is closed and empty, or ctx ends.
func (q *Queue) write(ctx context.Context) {
	delay := backoff.NewExponentialBackOff()
	delay.InitialInterval, delay.MaxInterval = 50*time.Millisecond, 2*time.Second
	failing := false
	for q.await(ctx) {
		group, began := q.first(), time.Now()
		err := q.record(ctx, group)
		switch {
		case err == nil:
			q.remove(len(group))
			if failing {
				q.log.Info("Writing touches again", "waiting", q.Stats().Depth)
			}
			failing = false
			delay.Reset()
			q.pause(ctx, q.pace(len(group))-time.Since(began))
		case postgres.Data(err):
			q.recordEach(ctx, group)
		default:
			if !failing {
				q.log.Warn("Keeping touches until the database takes them", "error", postgres.Message(err))
			}
			failing = true
			q.pause(ctx, delay.NextBackOff())
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// pace is the least time that writing so many touches may take: 0 once the queue is closed.
func (q *Queue) pace(touches int) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.options.PerSecond < 0 || q.closed {
		return 0
	}
	return time.Duration(touches) * time.Second / time.Duration(q.options.PerSecond)
}

// await returns true once there is a group to write, and false once there will be none.
func (q *Queue) await(ctx context.Context) bool {
	for {
		q.mu.Lock()
		waiting, closed := len(q.waiting), q.closed
		q.mu.Unlock()
		switch {
		case waiting >= q.options.Group, waiting > 0 && closed:
			return true
		case closed:
			return false
		case waiting > 0:
			q.pause(ctx, q.options.Delay)
			return true
		}
		select {
		case <-q.wake:
		case <-q.ending:
		case <-ctx.Done():
			return false
		}
	}
}

// pause waits for d, or until ctx ends. Closing the queue shortens the pause, since the time to
// write the waiting touches is limited then.
func (q *Queue) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	const soon = 100 * time.Millisecond
	timer := time.NewTimer(d)
	defer timer.Stop()
	ending := q.ending
	for {
		select {
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		case <-ending:
			ending = nil
			timer.Reset(min(d, soon))
		}
	}
}

// first returns the next group, which stays in the queue until it is written.
func (q *Queue) first() []Touch {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.waiting[:min(len(q.waiting), q.options.Group)])
}

// remove removes the first n touches from the queue.
func (q *Queue) remove(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range n {
		q.bytes -= q.waiting[i].size()
	}
	q.waiting = slices.Delete(q.waiting, 0, n)
}

func (q *Queue) record(ctx context.Context, group []Touch) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	written, err := Record(ctx, q.db, q.db.Schema, group)
	if err != nil {
		return fmt.Errorf("while recording touches: %w", err)
	}
	q.written.Add(uint64(written))
	return nil
}

// recordEach writes the touches of a group one by one, and drops those that the database refuses.
func (q *Queue) recordEach(ctx context.Context, group []Touch) {
	for _, touch := range group {
		err := q.record(ctx, []Touch{touch})
		switch {
		case err == nil:
		case postgres.Data(err):
			q.refused.Add(1)
			q.log.Error("Dropping a touch that the database refuses", "error", postgres.Message(err))
		default:
			return // the rest stays in the queue
		}
		q.remove(1)
	}
}
