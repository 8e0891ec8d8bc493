package engine

import (
	"context"
	"errors"
	"time"

	"github.com/referral-operator/referral-operator/internal/jitter"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// A range begins small and grows while little in it differs, so that one statement compares about
// as much as fits in a second. A range that takes too long is halved, down to one referee.
const (
	leastRefereesPerRange = 1_000
	firstRefereesPerRange = 20_000
	mostRefereesPerRange  = 80_000
)

// failuresShown is how many steps in a row have to fail before ResyncErr returns the failure. A
// step that is repeated with less to do often succeeds.
const failuresShown = 2

// mostFailedAlone is how many referees that failed alone are kept until a step succeeds, which sets
// them aside. A server can let as many fail as it names; the last are kept, and the next resync
// finds the others again.
const mostFailedAlone = 100

// resyncer compares the recorded results with what they rest on, one range of referees after the
// other, then counters and accounts.
type resyncer struct {
	engine           *Engine
	refereesPerRange int // in the next range
	repairsPerStep   int // most referees to decide in one step

	// State of the current step.
	alone     string // the only referee that the step is about; empty: there are several
	comparing bool   // the step compares a range
	repairing bool   // the step decides the referees that it found

	failedAlone    []failure // referees that failed alone; set aside once another step succeeds
	failuresInARow int
}

// failure is why a referee could not be compared or decided.
type failure struct {
	userID string
	cause  error
}

func newResyncer(e *Engine) *resyncer {
	return &resyncer{engine: e, refereesPerRange: firstRefereesPerRange, repairsPerStep: e.usualBatch()}
}

// Resync runs every step of a comparison that is due now, without a pause, and returns when no step
// is due or another engine runs it.
func (e *Engine) Resync(ctx context.Context) error {
	s := newResyncer(e)
	for {
		if _, err := e.poll(ctx); err != nil {
			return err
		}
		did, err := s.attempt(ctx, true)
		switch {
		case err == nil && !did:
			return nil
		case err != nil && !s.handleFailure(ctx, err):
			return err
		}
	}
}

// ResyncErr returns why the steps of a resync fail at present. It is nil when the last step
// succeeded, and when only one step has failed.
func (e *Engine) ResyncErr() error {
	if failure := e.resyncFailure.Load(); failure != nil {
		return *failure
	}
	return nil
}

// run does one step each time it is woken, until ctx ends.
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
			delay.Reset()
		case !s.handleFailure(ctx, err):
			wait := delay.NextBackOff()
			s.engine.log.Warn("A resync's step was rolled back", "error", logged(err), "retryIn", wait.Round(time.Millisecond))
			pause(ctx, wait)
		}
	}
}

// attempt does one step, under the same conditions as a batch.
func (s *resyncer) attempt(ctx context.Context, atOnce bool) (did bool, err error) {
	config := s.engine.config.Load()
	if config == nil || !s.engine.mayDecide(config) {
		return false, nil
	}
	s.alone, s.comparing, s.repairing = "", false, false
	err = Contain(func() (err error) {
		did, err = s.step(ctx, config, atOnce)
		return err
	})
	if err == nil && did {
		s.repairsPerStep = min(2*s.repairsPerStep, s.engine.usualBatch())
		s.failedAlone, s.failuresInARow = nil, 0
		s.engine.resyncFailure.Store(nil)
		s.engine.stir() // a status that was read before the step is out of date
	}
	return did, postgres.Short(s.engine.logPanic("the step broke off", err)) // it may be kept as the cause of what failed
}

// handleFailure adapts the next attempt to a failure, and reports whether that attempt may follow
// at once. A step that failed by its data, size or time is halved until one referee is left alone,
// which the next step leaves out. After any other failure the same step is repeated; if no answer
// came in time, with less to do, since all its statements together may be too slow.
func (s *resyncer) handleFailure(ctx context.Context, err error) (atOnce bool) {
	s.engine.stats.failures.Add(1)
	if ctx.Err() == nil {
		s.engine.observeFailure(err)
	}
	switch {
	case ctx.Err() != nil:
		return false
	case errors.Is(err, ErrConfigurationMoved):
		_, err := s.engine.reload(ctx)
		return err == nil
	}
	if s.failuresInARow++; s.failuresInARow >= failuresShown {
		s.engine.resyncFailure.Store(&err)
	}
	switch {
	case errors.Is(err, errMemoryInUse) || errors.Is(err, errOutOfOrder) || !errors.Is(err, errBatchTooLarge) && postgres.FaultOf(err) != postgres.FaultBatch:
		if errors.Is(err, context.DeadlineExceeded) && s.alone == "" {
			s.shrink()
		}
		return false
	case s.alone != "":
		if len(s.failedAlone) == mostFailedAlone {
			s.failedAlone = s.failedAlone[1:] // the next resync finds it again
		}
		s.failedAlone = append(s.failedAlone, failure{s.alone, err})
	default:
		return s.shrink()
	}
	return true
}

// shrink halves what the next step compares or decides. It reports whether that is less than
// before.
func (s *resyncer) shrink() bool {
	switch {
	case s.repairing && s.repairsPerStep > 1:
		s.repairsPerStep /= 2
	case s.comparing && !s.repairing && s.refereesPerRange > 1:
		s.refereesPerRange /= 2
	default:
		return false
	}
	return true
}

// resumeFrom returns the user_id after which the next range begins: beyond the referees that failed
// alone.
func (s *resyncer) resumeFrom(resumeAfter string) string {
	for i := range s.failedAlone {
		resumeAfter = max(resumeAfter, s.failedAlone[i].userID)
	}
	return resumeAfter
}

// setAside records the referees that failed alone, once another step succeeds: the database works,
// so the referees are the cause.
func (s *resyncer) setAside(ctx context.Context, step *resyncStep) error {
	if len(s.failedAlone) == 0 {
		return nil
	}
	b := newBatch(s.engine, step.config, turn{size: len(s.failedAlone)})
	defer b.releaseMemory()
	b.tx = step.tx
	users := make([]string, len(s.failedAlone))
	for i := range s.failedAlone {
		users[i] = s.failedAlone[i].userID
	}
	if err := b.setReferees(users); err != nil {
		return err
	}
	for i := range s.failedAlone {
		b.setAside(b.referees[i], s.failedAlone[i].cause)
	}
	if _, err := b.tx.Exec(ctx, b.statement("lock_shards_of_referees"), users); err != nil {
		return err
	}
	step.logLines = append(step.logLines, b.logLines...)
	if err := b.allocate(ctx); err != nil {
		return err
	}
	return b.record(ctx)
}

// pauseAfter returns how long to wait after a step of that duration. It is longer while batches
// run, which go first.
func (e *Engine) pauseAfter(took time.Duration) time.Duration {
	if e.busy.Load() > 0 {
		took *= 3
	}
	return jitter.Spread(took + time.Millisecond)
}
