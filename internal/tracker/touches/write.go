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

// write is the one that writes, until the queue is closed and empty.
func (q *Queue) write() {
	defer close(q.ended)
	delay := backoff.NewExponentialBackOff()
	delay.InitialInterval, delay.MaxInterval = 50*time.Millisecond, 2*time.Second
	failing := false
	for q.await() {
		group, began := q.first(), time.Now()
		err := q.record(group)
		switch {
		case err == nil:
			q.remove(len(group))
			if failing {
				q.log.Info("Writing touches again", "waiting", q.Stats().Depth)
			}
			failing = false
			delay.Reset()
			q.pause(q.pace(len(group)) - time.Since(began))
		case postgres.Data(err):
			q.recordEach(group)
		default:
			if !failing {
				q.log.Warn("Keeping touches until the database takes them", "error", postgres.Message(err))
			}
			failing = true
			q.pause(delay.NextBackOff())
		}
		if q.drain.Err() != nil {
			return
		}
	}
}

// pace is how long so many touches may take to write at the least. There is no
// such time for those that are written at the end.
func (q *Queue) pace(touches int) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.options.PerSecond < 0 || q.closed {
		return 0
	}
	return time.Duration(touches) * time.Second / time.Duration(q.options.PerSecond)
}

// await returns once there is a group to write, or false when there will be none.
func (q *Queue) await() bool {
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
			q.pause(q.options.Delay)
			return true
		}
		select {
		case <-q.wake:
		case <-q.ending:
		}
	}
}

// pause is cut short when nobody waits any longer. While the queue is being
// closed the database is asked again soon: there is not much time.
func (q *Queue) pause(d time.Duration) {
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
		case <-q.drain.Done():
			return
		case <-ending:
			ending = nil
			timer.Reset(min(d, soon))
		}
	}
}

// first is the next group. It stays in the queue until it is written.
func (q *Queue) first() []Touch {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.waiting[:min(len(q.waiting), q.options.Group)])
}

// remove takes the first n touches out of the queue.
func (q *Queue) remove(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range n {
		q.bytes -= q.waiting[i].size()
	}
	q.waiting = slices.Delete(q.waiting, 0, n)
}

func (q *Queue) record(group []Touch) error {
	ctx, cancel := context.WithTimeout(q.drain, writeTimeout)
	defer cancel()
	written, err := Record(ctx, q.db, q.db.Schema, group)
	if err != nil {
		return fmt.Errorf("while recording touches: %w", err)
	}
	q.written.Add(uint64(written))
	return nil
}

// recordEach writes a group of which some touch is not to the database's
// liking: that one is dropped, and costs no other.
func (q *Queue) recordEach(group []Touch) {
	for _, touch := range group {
		err := q.record([]Touch{touch})
		switch {
		case err == nil:
		case postgres.Data(err):
			q.refused.Add(1)
			q.log.Error("Dropping a touch that the database does not take", "error", postgres.Message(err))
		default:
			return // what is written already is not written twice
		}
		q.remove(1)
	}
}
