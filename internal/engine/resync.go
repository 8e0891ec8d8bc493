package engine

import (
	"context"
	"errors"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
)

// A range begins small and grows as long as little in it does not fit, so that
// one statement compares about as much as it can in a second.
const (
	leastReferees = 1_000
	firstReferees = 20_000
	mostReferees  = 80_000
)

// resyncer compares what is recorded with what it rests on, a range of referees
// after the other, and then counters and accounts.
type resyncer struct {
	engine   *Engine
	referees int  // in the next range
	suspects int  // most to decide in one step
	aside    turn // of the referee that failed alone in the last step
}

func newResyncer(e *Engine) *resyncer {
	return &resyncer{engine: e, referees: firstReferees, suspects: e.usualBatch()}
}

// Resync does every step of a comparison that is due now, without a pause, and
// returns when none is or others are at it.
func (e *Engine) Resync(ctx context.Context) error {
	s := newResyncer(e)
	for {
		if _, _, err := e.poll(ctx); err != nil {
			return err
		}
		took, err := s.attempt(ctx, true)
		switch {
		case err == nil && !took:
			return nil
		case err != nil && !s.accept(ctx, err):
			return err
		}
	}
}

// run does a step each time it is woken, until ctx ends.
func (s *resyncer) run(ctx context.Context, wake <-chan struct{}) {
	delay := newBackoff()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		}
		switch _, err := s.attempt(ctx, false); {
		case err == nil:
			s.engine.resyncHealth.succeeded()
			delay.Reset()
		case !s.accept(ctx, err):
			s.engine.resyncHealth.failed(err)
			wait := delay.NextBackOff()
			s.engine.log.Warn("A resync's step was rolled back", "error", database.Message(err), "retryIn", wait.Round(time.Millisecond))
			pause(ctx, wait)
		}
	}
}

// attempt does one step, under the same conditions as a batch.
func (s *resyncer) attempt(ctx context.Context, atOnce bool) (took bool, err error) {
	config := s.engine.config.Load()
	if config == nil || !s.engine.mayDecide(config) {
		return false, nil
	}
	if took, err = s.step(ctx, config, atOnce); err == nil && took {
		s.suspects = min(2*s.suspects, s.engine.usualBatch())
	}
	return took, err
}

// accept does what lets the next attempt do better, and tells whether that may
// follow at once.
func (s *resyncer) accept(ctx context.Context, err error) (atOnce bool) {
	s.engine.stats.failures.Add(1)
	switch {
	case ctx.Err() != nil:
		return false
	case errors.Is(err, errConfigurationMoved):
		_, err := s.engine.reload(ctx)
		return err == nil
	case errors.Is(err, errBatchTooLarge), database.FaultOf(err) == database.FaultBatch:
		atOnce = s.suspects > 1
		s.suspects = max(1, s.suspects/2)
	}
	s.referees = max(leastReferees, s.referees/2)
	return atOnce
}

// pace is how long to wait after a step that took so long: batches go first.
func (e *Engine) pace(took time.Duration) time.Duration {
	if e.busy.Load() > 0 {
		took *= 3
	}
	return jitter(took + time.Millisecond)
}
