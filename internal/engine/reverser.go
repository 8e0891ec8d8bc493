package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// reversalRows is how many rows of each table one step of a reversal reads.
const reversalRows = 1000

// mostFailedKeys bounds the keys of a campaign that are kept because they cannot be reversed. A
// server may let any number fail.
const mostFailedKeys = 100

// reverser takes back what campaigns gave that were deleted with Reverse, one range of keys after
// the other. A range that fails by its data, size or time is halved, down to one key. That key is
// remembered, and the walk goes on behind it:
//
//	failed by its data, size or time ─► half as many rows the next time, down to one key
//	a key failed alone               ─► it is reported, and the walk goes on behind it
//	the walk is at its end           ─► the keys that failed are tried again, with pauses
//	none of them is left             ─► the reversal is done
//	failed by a lock, the connection or the database ─► the same again, with pauses
//
// A campaign that has to wait gives way to those whose names come after its own, so that no campaign
// holds up another for good.
type reverser struct {
	engine   *Engine
	rows     int                      // most rows of each table in the next step
	mostRows int                      // most rows of each table in any step
	walks    map[string]*reversalWalk // by campaign: those with keys that failed
	passing  map[string]int           // by campaign: failures in a row that its steps did not cause
	gaveWay  string                   // the campaign that last gave way to others; empty: none yet
	delay    *backoff.ExponentialBackOff
}

// reversalWalk is how far a reversal has come behind the first key that cannot be reversed. The
// recorded progress stays before that key.
type reversalWalk struct {
	progress int64       // version of the row with the recorded progress; another one: it has moved
	last     PairKey     // the last key that the walk has come to
	ended    bool        // the walk has come to the last key of all
	failed   []failedKey // in order
	retried  int         // how many of failed have been tried again in this pass
	more     bool        // more keys failed than are kept
	named    []failedKey // keys that failed in the walk before, which the log has named
	over     bool        // the next walk begins at the recorded progress, since more keys failed than are kept
	delay    *backoff.ExponentialBackOff
	began    time.Time // when the pass over failed began; when the walk began, if more keys failed than are kept
	waits    time.Time // no step before this time
}

// failedKey is a key that cannot be reversed. Its range begins after the key before.
type failedKey struct {
	after, key PairKey
	cause      error
}

func newReverser(e *Engine, mostRows int) *reverser {
	return &reverser{engine: e, rows: mostRows, mostRows: mostRows, walks: map[string]*reversalWalk{}, passing: map[string]int{}, delay: newBackoff()}
}

// nextToRetry returns the key that is tried again next; nil: the walk goes on.
func (w *reversalWalk) nextToRetry() *failedKey {
	if w == nil || !w.ended || w.retried == len(w.failed) {
		return nil
	}
	return &w.failed[w.retried]
}

// complete reports whether no key before the present range is left.
func (w *reversalWalk) complete() bool { return w == nil || len(w.failed) == 0 && !w.more }

// err returns which keys cannot be reversed, and why the first cannot.
func (w *reversalWalk) err() error {
	first := &w.failed[0]
	others := ""
	switch more := len(w.failed) - 1; {
	case w.more:
		others = fmt.Sprintf(", and what more than %d other purchases gave,", mostFailedKeys-1)
	case more == 1:
		others = ", and what another purchase gave,"
	case more > 1:
		others = fmt.Sprintf(", and what %d other purchases gave,", more)
	}
	return fmt.Errorf("what purchase %q of user %q gave%s cannot be taken back: %w",
		shown(first.key.PurchaseID), shown(first.key.UserID), others, first.cause)
}

// reversing reports whether the loaded configuration has a campaign that takes back what it gave.
func (e *Engine) reversing() bool {
	config := e.config.Load()
	return config != nil && e.mayDecide(config) && len(config.reversing) > 0
}

// ReversalErrs returns, by campaign, why reversals make no progress at present, or which credits
// they cannot take back.
func (e *Engine) ReversalErrs() map[string]error {
	failures := e.reversalFailures.Load()
	if failures == nil {
		return nil
	}
	config, present := e.config.Load(), maps.Clone(*failures)
	maps.DeleteFunc(present, func(campaign string, _ error) bool { return !config.reverses(campaign) })
	return present
}

// setReversalFailure stores why a campaign's reversal makes no progress; nil: it makes progress.
func (e *Engine) setReversalFailure(campaign string, failure error) {
	failures := e.ReversalErrs()
	if failures == nil {
		failures = map[string]error{}
	}
	if failures[campaign] = failure; failure == nil {
		delete(failures, campaign)
	}
	e.reversalFailures.Store(&failures)
}

// run runs one step after the other each time it is woken, until ctx ends. Batches go first: it
// pauses after each step for at least as long as the step took.
func (r *reverser) run(ctx context.Context, wake <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		}
		for ctx.Err() == nil {
			began := time.Now()
			did, atOnce, err := r.attempt(ctx)
			if err != nil && !atOnce && ctx.Err() == nil {
				wait := r.delay.NextBackOff()
				r.engine.log.Warn("A step of a reversal was rolled back", "error", logged(err), "retryIn", wait.Round(time.Millisecond))
				pause(ctx, wait)
				break
			}
			if err == nil && !did {
				break
			}
			pause(ctx, r.engine.pauseAfter(time.Since(began)))
		}
	}
}

// attempt does one step, and reports whether there was one that no other engine does. After an
// error it reports whether another attempt, at something else, may follow at once.
func (r *reverser) attempt(ctx context.Context) (did, atOnce bool, err error) {
	config := r.engine.config.Load()
	maps.DeleteFunc(r.walks, func(campaign string, _ *reversalWalk) bool { return !config.reverses(campaign) })
	maps.DeleteFunc(r.passing, func(campaign string, _ int) bool { return !config.reverses(campaign) })
	if !r.engine.reversing() {
		return false, true, nil
	}
	step := reversal{batch: newBatch(r.engine, config, turn{size: r.rows})}
	defer step.releaseMemory()
	err = Contain(func() (err error) {
		did, err = step.runStep(ctx, r)
		return err
	})
	err = postgres.Short(r.engine.logPanic("the step broke off", err)) // it may be kept as the cause of what failed
	switch {
	case errors.Is(err, ErrConfigurationMoved):
		if _, err = r.engine.reload(ctx); err != nil && ctx.Err() == nil {
			r.engine.stats.failures.Add(1)
			r.engine.observeFailure(err)
		}
		return err == nil, err == nil, err
	case err != nil:
		return false, r.handleFailure(ctx, &step, err), err
	case did:
		r.succeeded(&step)
	}
	return did, true, nil
}

// attemptSoon is attempt for a caller that does not pause after a lock or a lost connection.
func (r *reverser) attemptSoon(ctx context.Context) (did, atOnce bool, err error) {
	did, atOnce, err = r.attempt(ctx)
	return did, atOnce || postgres.Retryable(err), err
}

// waiting lists the campaigns whose keys that failed are not tried again yet.
func (r *reverser) waiting(now time.Time) []string {
	campaigns := []string{}
	for campaign, w := range r.walks {
		if now.Before(w.waits) {
			campaigns = append(campaigns, campaign)
		}
	}
	return campaigns
}

// walkOf returns the walk behind the keys of the campaign that failed; nil: there is none, or the
// recorded progress has moved since. A walk that is over begins again after the last key of the
// recorded progress.
func (r *reverser) walkOf(campaign string, progress int64, after PairKey) *reversalWalk {
	w := r.walks[campaign]
	switch {
	case w == nil:
	case w.progress != progress:
		delete(r.walks, campaign)
	case w.over:
		*w = reversalWalk{progress: progress, last: after, named: w.failed, delay: w.delay, began: time.Now()}
	}
	return r.walks[campaign]
}

// succeeded records a step that has committed.
func (r *reverser) succeeded(step *reversal) {
	delete(r.passing, step.campaign)
	r.delay.Reset()
	if !step.retries {
		r.rows = min(2*r.rows, r.mostRows)
	}
	switch w := step.walk; {
	case w == nil:
	case step.retries:
		w.failed = slices.Delete(w.failed, w.retried, w.retried+1)
		w.delay.Reset()
		r.endPass(step)
	case w.complete(): // its progress is recorded
		delete(r.walks, step.campaign)
	case step.end == nil:
		w.ended = true
		if !w.more {
			w.began = time.Now()
		}
	default:
		w.last = *step.end
	}
	r.report(step.campaign)
}

// endPass lets the keys that failed wait, once all have been tried again, for at least as long as
// that took. If more keys failed than are kept the walk begins again, so that it took as long as
// walk and pass.
func (r *reverser) endPass(step *reversal) {
	w := step.walk
	if w.retried < len(w.failed) {
		return
	}
	if w.retried, w.over = 0, w.more; len(w.failed) == 0 {
		w.ended = false // another step finds nothing behind the walk, and records that all is reversed
		return
	}
	now := time.Now()
	w.waits = now.Add(max(w.delay.NextBackOff(), now.Sub(w.began)))
	w.began = w.waits
	r.gaveWay = step.campaign
}

// report shows which keys of the campaign cannot be reversed, or that its reversal makes progress.
func (r *reverser) report(campaign string) {
	var failure error
	if w := r.walks[campaign]; w != nil && len(w.failed) > 0 {
		failure = w.err()
	}
	r.engine.setReversalFailure(campaign, failure)
}

// err returns the failure of a campaign with keys that cannot be reversed; nil: there is none.
func (r *reverser) err() error {
	for _, campaign := range slices.Sorted(maps.Keys(r.walks)) {
		if w := r.walks[campaign]; len(w.failed) > 0 {
			return fmt.Errorf("while reversing campaign %s: %w", campaign, w.err())
		}
	}
	return nil
}

// handleFailure adapts the next attempt to a failure, and reports whether that attempt may follow
// at once.
func (r *reverser) handleFailure(ctx context.Context, step *reversal, err error) (atOnce bool) {
	if ctx.Err() != nil {
		return false
	}
	r.engine.stats.failures.Add(1)
	r.engine.observeFailure(err)
	fault := postgres.FaultOf(err)
	switch {
	case errors.Is(err, errMemoryInUse), errors.Is(err, context.DeadlineExceeded):
		r.rows = max(1, r.rows/2) // a small step needs no reservation, and less time
		fault = postgres.FaultPassing
	case errors.Is(err, errOutOfOrder):
		fault = postgres.FaultDatabase
	}
	switch {
	case fault == postgres.FaultBatch && step.retries:
		w := step.walk
		w.failed[w.retried].cause = err
		w.retried++
		r.endPass(step)
		r.report(step.campaign)
		return true
	case fault == postgres.FaultBatch && r.rows > 1:
		r.rows /= 2
		return true
	case fault == postgres.FaultBatch && step.ranged && step.end != nil:
		r.leaveOut(step, err)
		return true
	case step.campaign == "":
		return false
	}
	r.gaveWay = step.campaign
	if fault == postgres.FaultPassing {
		r.passing[step.campaign]++
	}
	if fault != postgres.FaultPassing || r.passing[step.campaign] >= failuresShown {
		r.engine.setReversalFailure(step.campaign, err)
	}
	return false
}

// leaveOut lets the walk go on behind a key that failed alone.
func (r *reverser) leaveOut(step *reversal, cause error) {
	w := step.walk
	if w == nil {
		w = &reversalWalk{progress: step.progress, delay: newBackoff(), began: time.Now()}
		r.walks[step.campaign] = w
	}
	w.last = *step.end
	if len(w.failed) == mostFailedKeys {
		w.more = true
		return
	}
	w.failed = append(w.failed, failedKey{step.after, *step.end, cause})
	if !slices.ContainsFunc(w.named, func(f failedKey) bool { return f.key == *step.end }) {
		r.engine.log.Error("Credit cannot be taken back; it is tried again later", "campaign", shown(step.campaign), "cause", logged(cause))
	}
	r.report(step.campaign)
}
