package hosting_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// verifier runs verifications that end when the test says so.
type verifier struct {
	testing.TB
	*hosting.Verifications
	started chan *verifying
	end     func() // ends Run, and waits for it
}

// verifying is a verification that has been started.
type verifying struct {
	database types.NamespacedName
	progress func(verified, total int64)
	done     chan error      // ends it
	gone     <-chan struct{} // closed when it was cancelled
}

func newVerifier(t *testing.T) *verifier {
	t.Helper()
	v := &verifier{TB: t, started: make(chan *verifying, 100)}
	run := func(ctx context.Context, name types.NamespacedName, progress func(verified, total int64)) (*engine.VerifyResult, error) {
		started := &verifying{name, progress, make(chan error, 1), ctx.Done()}
		v.started <- started
		select {
		case err := <-started.done:
			if err != nil {
				return nil, err
			}
			return &engine.VerifyResult{Referees: 7}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	v.Verifications = hosting.NewVerifications(run, time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := v.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	v.end = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(v.end)
	return v
}

// next returns the verification that was started next.
func (v *verifier) next() *verifying {
	v.Helper()
	select {
	case started := <-v.started:
		return started
	case <-time.After(patience):
		v.Fatal("no verification was started")
		return nil
	}
}

// awaitEnd waits until no verification of the shop runs.
func (v *verifier) awaitEnd() hosting.VerifyState {
	v.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if state := v.State(shop, "uid"); !state.Running {
			return state
		}
		if time.Now().After(deadline) {
			v.Fatal("the verification has not ended")
		}
	}
}

// attempt runs one verification for a request, and ends it with an error.
func (v *verifier) attempt(request string, err error) hosting.VerifyState {
	v.Helper()
	v.Start(shop, "uid", request)
	v.next().done <- err
	return v.awaitEnd()
}

func TestRequestIsAnsweredWhenAttemptsFailForGood(t *testing.T) {
	v := newVerifier(t)
	damaged := errors.New("a table is missing")
	for attempt := 1; attempt <= 3; attempt++ {
		state := v.attempt("audit", damaged)
		if last := attempt == 3; state.Failed() != last || (state.Answered == "audit") != last {
			t.Errorf("after attempt %d: %+v", attempt, state)
		}
	}
	if state := v.attempt("audit-2", nil); state.Failed() || state.Err != nil || state.Answered != "audit-2" || state.Result.Referees != 7 {
		t.Errorf("after a verification: %+v", state)
	}
}

func TestOutageCountsAsNoAttempt(t *testing.T) {
	v := newVerifier(t)
	if state := v.attempt("before", nil); state.Answered != "before" {
		t.Errorf("%+v", state)
	}
	for range 5 {
		state := v.attempt("during", fmt.Errorf("while verifying referees: %w", hosting.ErrConnecting))
		if state.Failed() || state.Answered != "before" || state.Result == nil {
			t.Errorf("%+v", state)
		}
	}
}

func TestPauseAfterFailedAttemptsGrowsToItsBound(t *testing.T) {
	v := newVerifier(t)
	var before time.Duration
	for range 12 {
		state := v.attempt("", errors.New("damaged"))
		wait := state.RetryAt().Sub(state.EndedAt)
		if wait < before || wait <= 0 || wait > 10*time.Minute {
			t.Errorf("after %d failures it pauses for %s, before for %s", state.Failures, wait, before)
		}
		before = wait
	}
	if before != 10*time.Minute {
		t.Errorf("the longest pause is %s", before)
	}
	if state := v.attempt("", nil); !state.RetryAt().IsZero() {
		t.Errorf("it pauses after a result until %s", state.RetryAt())
	}
}

// A later request needs a verification that began after it.
func TestRunningVerificationAnswersOnlyTheRequestThatItBeganFor(t *testing.T) {
	v := newVerifier(t)
	v.Start(shop, "uid", "first")
	running := v.next()
	if state := v.Start(shop, "uid", "second"); state.Request != "first" {
		t.Errorf("%+v", state)
	}
	running.done <- nil
	if state := v.awaitEnd(); state.Answered != "first" {
		t.Errorf("%+v", state)
	}
	if state := v.attempt("second", nil); state.Answered != "second" {
		t.Errorf("%+v", state)
	}
}

// none fails the test if a verification was started that should not have been.
func (v *verifier) none() {
	v.Helper()
	select {
	case started := <-v.started:
		v.Errorf("%s was started", started.database)
	case <-time.After(50 * time.Millisecond):
	}
}

func TestOneVerificationRunsPerNamespaceAndTwoInAll(t *testing.T) {
	v := newVerifier(t)
	start := func(namespace, name string) {
		v.Start(types.NamespacedName{Namespace: namespace, Name: name}, "uid", "")
	}
	start("growth", "a")
	first := v.next()
	start("growth", "b")
	v.none()
	start("payroll", "c")
	second := v.next()
	if first.database.Name != "a" || second.database.Name != "c" {
		t.Errorf("started %s and %s", first.database, second.database)
	}
	start("support", "d")
	v.none()
	second.done <- nil
	if third := v.next(); third.database.Name != "d" {
		t.Errorf("started %s while a verification ran in its namespace", third.database)
	}
	first.done <- nil
	if fourth := v.next(); fourth.database.Name != "b" {
		t.Errorf("started %s", fourth.database)
	}
}

func TestVerificationsOfANamespaceRunInTheOrderOfTheirStart(t *testing.T) {
	v := newVerifier(t)
	v.Start(shop, "uid", "")
	running := v.next()
	for _, name := range []string{"c", "dropped", "a", "b"} {
		v.Start(types.NamespacedName{Namespace: shop.Namespace, Name: name}, "uid", "")
	}
	v.Drop(types.NamespacedName{Namespace: shop.Namespace, Name: "dropped"})
	for _, want := range []string{"c", "a", "b"} {
		running.done <- nil
		if running = v.next(); running.database.Name != want {
			t.Errorf("started %s, want %s", running.database, want)
		}
	}
}

func TestNamespacesTakeTurnsWithVerifications(t *testing.T) {
	v := newVerifier(t)
	running := map[string]*verifying{}
	for _, namespace := range []string{"crowd", "crowd-2"} {
		for n := range 50 {
			v.Start(types.NamespacedName{Namespace: namespace, Name: fmt.Sprint("db-", n)}, "uid", "")
		}
		running[namespace] = v.next()
	}
	v.Start(types.NamespacedName{Namespace: "quiet", Name: "shop"}, "uid", "")
	running["crowd"].done <- nil
	if next := v.next(); next.database.Namespace != "quiet" {
		t.Errorf("started %s before the verification of the other namespace", next.database)
	}
}

func TestDroppedVerificationEndsAndAnotherObjectBeginsItsOwn(t *testing.T) {
	v := newVerifier(t)
	v.Start(shop, "uid", "audit")
	running := v.next()
	v.Drop(shop)
	<-running.gone
	if state := v.State(shop, "uid"); state.Running || state.Answered != "" {
		t.Errorf("%+v", state)
	}
	v.Start(shop, "uid", "audit")
	running = v.next()
	v.Start(shop, "uid of another object with the name", "")
	<-running.gone
	v.next().done <- nil
}

func TestRunningVerificationsEndWithRun(t *testing.T) {
	v := newVerifier(t)
	v.Start(shop, "uid", "")
	running := v.next()
	v.end()
	select {
	case <-running.gone:
	default:
		t.Error("Run has ended and the verification has not")
	}
}

func TestMovedNamesDatabasesWhoseVerificationEnds(t *testing.T) {
	v := newVerifier(t)
	v.Start(shop, "uid", "")
	running := v.next()
	running.progress(10, 100) // a moment after the start: it is fed later
	if moved := v.Moved().Drain(); len(moved) != 0 {
		t.Errorf("within a moment of the start: %v", moved)
	}
	running.done <- nil
	v.awaitEnd()
	if moved := v.Moved().Drain(); len(moved) != 1 || moved[0] != shop {
		t.Errorf("when it has ended: %v", moved)
	}
}

// Servers can make verifications endless. One of them gives way after a turn, the other ends at its
// deadline, so that those of others run.
func TestEndlessVerificationsLeaveTurnsToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var started []string
		run := func(ctx context.Context, name types.NamespacedName, _ func(verified, total int64)) (*engine.VerifyResult, error) {
			mu.Lock()
			started = append(started, name.Namespace)
			mu.Unlock()
			if name.Namespace == "quiet" {
				return &engine.VerifyResult{}, nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		hasStarted := func() []string {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(started)
		}
		v := hosting.NewVerifications(run, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = v.Run(ctx) })
		defer running.Wait()
		defer cancel()
		names := map[string]types.NamespacedName{}
		for _, namespace := range []string{"endless", "endless-2", "quiet"} {
			names[namespace] = types.NamespacedName{Namespace: namespace, Name: "shop"}
			v.Start(names[namespace], "uid", "audit")
			synctest.Wait()
		}
		if in := hasStarted(); len(in) != 2 {
			t.Fatalf("started in %q", in)
		}
		time.Sleep(10 * time.Minute)
		if in := hasStarted(); len(in) != 3 || in[2] != "quiet" {
			t.Fatalf("after a turn: started in %q", in)
		}
		if state := v.State(names["endless-2"], "uid"); !state.Running || state.Request != "audit" || state.Err != nil {
			t.Errorf("the one that gave way: %+v", state)
		}
		time.Sleep(hosting.VerifyDeadline - 10*time.Minute)
		if in := hasStarted(); len(in) != 4 || in[3] != "endless-2" {
			t.Fatalf("after the deadline: started in %q", in)
		}
		state := v.State(names["endless"], "uid")
		if state.Running || !state.Failed() || state.Answered != "audit" || !strings.Contains(state.Err.Error(), "the verification has not ended within 6h") {
			t.Errorf("%+v", state)
		}
		if wait := state.RetryAt().Sub(state.EndedAt); wait > 10*time.Minute {
			t.Errorf("it runs again after %s", wait)
		}
		v.Start(names["endless"], "uid", "audit")
		if in := hasStarted(); len(in) != 5 || !v.State(names["endless"], "uid").Running {
			t.Errorf("it does not run again: started in %q", in)
		}
	})
}
