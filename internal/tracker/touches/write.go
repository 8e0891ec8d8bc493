package touches

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// writeTimeout bounds a transaction.
	writeTimeout = 10 * time.Second
	// statementTimeout is when the server ends the statement of a group: before writeTimeout, so that a
	// group that is too slow differs from a database that is away, and is split.
	statementTimeout = 5 * time.Second
	// lockTimeout is how long the statement of a group waits for each lock. A transaction of the shop's
	// may keep one for hours.
	lockTimeout = time.Second
)

// write writes groups until the queue is closed and empty, or ctx ends.
func (q *Queue) write(ctx context.Context) {
	delay := backoff.NewExponentialBackOff()
	delay.InitialInterval, delay.MaxInterval = 50*time.Millisecond, 2*time.Second
	failing := false
	for q.await(ctx) {
		group, began := q.first(), time.Now()
		if err := q.writeGroup(ctx, group); err != nil {
			if !failing {
				q.log.Warn("Keeping touches until the database takes them", "error", postgres.Message(err))
			}
			failing = true
			q.pause(ctx, delay.NextBackOff())
		} else {
			if failing {
				q.log.Info("Writing touches again", "waiting", q.Stats().Depth)
			}
			failing = false
			delay.Reset()
			q.pause(ctx, q.pace(len(group))-time.Since(began))
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

func (q *Queue) record(ctx context.Context, limits postgres.Limits, group []Touch) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	var written int64
	err := pgx.BeginFunc(ctx, q.db.WithLimits(limits), func(tx pgx.Tx) (err error) {
		written, err = Record(ctx, tx, q.db.Schema, group)
		return err
	})
	if err != nil {
		return fmt.Errorf("while recording touches: %w", err)
	}
	q.written.Add(uint64(written))
	return nil
}

// attempt is what became of a group: of its first settled touches, all but the locked and the failed
// ones are written, or the database refused their values.
type attempt struct {
	limits  postgres.Limits
	settled int
	written bool    // at least one of them
	locked  []Touch // alone, because another transaction keeps their rows locked
	failed  []Touch // alone, for another reason
	reason  error   // of the last of the failed ones, else of the locked ones
}

// mostFailed is how many touches of a group may fail, each alone, before the group is left until
// later, if none is written: the reason is then likely to be another than the touches.
const mostFailed = 16

// errMostFailed ends an attempt.
var errMostFailed = errors.New("too many touches fail")

// writeGroup writes a group, and removes from the queue what is settled of it.
//
// A touch that fails alone, for instance in a trigger of the shop's own, is dropped if another touch
// of the group was written. If none was, or if the touch is locked, it waits for its next attempt
// behind all others; but if the queue is full it is dropped, so that touches that always fail keep out
// no others. An error is returned if the rest of the group is to be kept for later.
func (q *Queue) writeGroup(ctx context.Context, group []Touch) error {
	a := attempt{limits: postgres.Limits{Lock: min(lockTimeout, q.slow/2), Statement: q.slow}}
	err := q.try(ctx, group, &a)
	dropped := q.settle(&a)
	if dropped > 0 {
		q.refused.Add(uint64(dropped))
		q.log.Error("Dropping touches that cannot be written", "touches", dropped, "error", postgres.Message(a.reason))
	}
	if errors.Is(err, errMostFailed) || err == nil && !a.written {
		return a.reason // nil if none failed
	}
	return err
}

// try writes a part of a group. If it fails for a reason that may be that of some touches, it tries
// parts of it, so that few touches that fail cost few statements. An error is about no touch, such as
// a lost connection, and ends the attempt.
func (q *Queue) try(ctx context.Context, part []Touch, a *attempt) error {
	err := q.record(ctx, a.limits, part)
	a.limits = a.limits.After(err)
	if parts := postgres.Split(part, err); parts != nil {
		for _, part := range parts {
			if err := q.try(ctx, part, a); err != nil {
				return err
			}
		}
		return nil
	}
	switch {
	case err == nil:
		a.written = true
	case !postgres.Divisible(err):
		return err
	case postgres.Data(err):
		q.refused.Add(1)
		q.log.Error("Dropping a touch that the database refuses", "error", postgres.Message(err))
	case postgres.LockTimeout(err):
		a.locked, a.reason = append(a.locked, part[0]), cmp.Or(a.reason, err)
	default:
		a.failed, a.reason = append(a.failed, part[0]), err
	}
	a.settled += len(part)
	if !a.written && len(a.locked)+len(a.failed) >= mostFailed {
		return errMostFailed
	}
	return nil
}

// settle removes the settled touches of an attempt from the queue, and puts the locked and failed
// ones behind all others, unless they are dropped. It returns how many are.
func (q *Queue) settle(a *attempt) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range a.settled {
		q.bytes -= q.waiting[i].size()
	}
	q.waiting = slices.Delete(q.waiting, 0, a.settled)
	kept := slices.Concat(a.locked, a.failed)
	switch {
	case q.full:
		kept = nil
	case a.written:
		kept = a.locked
	}
	for i := range kept {
		q.bytes += kept[i].size()
	}
	q.waiting = append(q.waiting, kept...)
	q.full = q.full && a.settled == 0
	return len(a.locked) + len(a.failed) - len(kept)
}
