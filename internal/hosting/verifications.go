package hosting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// verificationAttempts is how many attempts must fail until a verification has failed.
	verificationAttempts = 3

	// firstVerifyPause and lastVerifyPause bound the growing pause after a failed attempt.
	firstVerifyPause = 5 * time.Second
	lastVerifyPause  = 10 * time.Minute

	// verifyDeadline is how long a verification may run: far longer than verifying 10 million
	// pairs takes. A server can make a verification endless, and only two run at a time.
	verifyDeadline = 6 * time.Hour
)

// errVerifyDeadline ends a verification that runs for too long.
var errVerifyDeadline = fmt.Errorf("the verification has not ended within %s: find out why the database answers slowly, "+
	"or why changes in it are not decided", verifyDeadline)

// VerifyFunc runs one verification of a database.
type VerifyFunc func(ctx context.Context, name types.NamespacedName, progress func(verified, total int64)) (*engine.VerifyResult, error)

// VerifyState is how far the verification of a database is, or how its last one ended.
type VerifyState struct {
	Running         bool
	Request         string               // that it answers; empty: it is due by the interval
	Verified, Total int64                // as of the last time that it was fed
	EndedAt         time.Time            // of the last attempt
	Result          *engine.VerifyResult // of the last one that succeeded; nil: none has
	Err             error                // why the last attempt failed; nil: it succeeded
	Failures        int                  // attempts in a row that failed; an outage is no attempt
	Answered        string               // the last request that was answered, by a result or by failing for good
}

// Failed reports whether so many attempts have failed that it is more than a hiccup.
func (s VerifyState) Failed() bool { return s.Failures >= verificationAttempts }

// RetryAt is when a failed verification may run again; zero: at once.
func (s VerifyState) RetryAt() time.Time {
	if s.Err == nil {
		return time.Time{}
	}
	wait := firstVerifyPause
	for range min(s.Failures-1, 10) {
		wait *= 2
	}
	return s.EndedAt.Add(min(wait, lastVerifyPause))
}

// Verifications runs verifications beside the engines: one at a time per namespace and so per
// database, two in all. Namespaces take turns; see turns for verifications that take long. One that
// runs for too long fails and waits for its next turn. What it knows is in memory only: a process
// that becomes leader begins again what was running.
type Verifications struct {
	run   VerifyFunc
	now   func() time.Time
	moved *Feed

	mu    sync.Mutex
	known map[types.NamespacedName]*verification
	queue []*verification // those to start; those of a namespace start in this order
	turns turns[*verification]
}

// verification is that of one database, guarded by the mutex of Verifications.
type verification struct {
	name            types.NamespacedName
	uid             string
	state           VerifyState
	verified, total int64 // newer than those of state
	fedAt           time.Time
	dropped         bool
	long            bool               // it has given way to others, and runs as a long one
	end             context.CancelFunc // nil: does not run
}

// NewVerifications returns an empty Verifications. Registry.Verify is the run of a process.
func NewVerifications(run VerifyFunc, now func() time.Time) *Verifications {
	v := &Verifications{run: run, now: now, moved: NewFeed(), known: map[types.NamespacedName]*verification{}}
	v.turns = newTurns(func() []*verification { return v.queue }, verifyDeadline, errVerifyDeadline)
	return v
}

// Moved feeds the names of databases whose verification has progressed or ended.
func (v *Verifications) Moved() *Feed { return v.moved }

// Run starts verifications in turn until ctx ends, and returns nil when all of them have ended. Run
// must not be called twice.
func (v *Verifications) Run(ctx context.Context) error {
	return v.turns.run(ctx, v.startNext)
}

// State returns how far the verification of a database is. What is known of another object of its
// name is dropped.
func (v *Verifications) State(name types.NamespacedName, uid string) VerifyState {
	v.mu.Lock()
	defer v.mu.Unlock()
	known, ok := v.known[name]
	if !ok {
		return VerifyState{}
	}
	if known.uid != uid {
		v.drop(name)
		return VerifyState{}
	}
	return known.state
}

// Start starts the verification of a database. request is the request that it answers; empty: the
// interval is over. While a verification runs or waits for its turn, Start changes nothing: a later
// request needs a verification that began after it.
func (v *Verifications) Start(name types.NamespacedName, uid, request string) VerifyState {
	v.mu.Lock()
	defer v.mu.Unlock()
	known, ok := v.known[name]
	if ok && known.uid != uid {
		v.drop(name)
		ok = false
	}
	if !ok {
		known = &verification{name: name, uid: uid}
		v.known[name] = known
	}
	if !known.state.Running {
		known.state.Running, known.state.Request = true, request
		v.enqueue(known)
		signal(v.turns.wake)
	}
	return known.state
}

// enqueue has a verification begin.
func (v *Verifications) enqueue(known *verification) {
	known.state.Verified, known.state.Total = 0, 0
	known.verified, known.total, known.fedAt = 0, 0, time.Now()
	v.queue = append(v.queue, known)
}

// Drop ends and forgets the verification of a database. It does not wait for the end.
func (v *Verifications) Drop(name types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.drop(name)
}

func (v *Verifications) drop(name types.NamespacedName) {
	known, ok := v.known[name]
	if !ok {
		return
	}
	known.dropped = true
	if known.end != nil {
		known.end()
	}
	v.queue = slices.DeleteFunc(v.queue, func(queued *verification) bool { return queued == known })
	delete(v.known, name)
}

// startNext returns what runs the next verification; nil: none may start now.
func (v *Verifications) startNext(ctx context.Context) (run func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	next, ok := v.turns.next()
	if !ok || ctx.Err() != nil {
		return nil
	}
	v.queue = slices.DeleteFunc(v.queue, func(queued *verification) bool { return queued == next })
	ctx, next.end = v.turns.start(ctx, next)
	return func() {
		result, err := v.run(ctx, next.name, func(verified, total int64) { v.progress(next, verified, total) })
		v.ended(next, result, v.turns.endedBy(ctx, err))
	}
}

func (of *verification) place() place { return place{of.name.Namespace, of.long} }

func (v *Verifications) progress(of *verification, verified, total int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	of.verified, of.total = verified, total
	if time.Since(of.fedAt) >= progressInterval {
		of.state.Verified, of.state.Total = verified, total
		of.fedAt = time.Now()
		v.moved.Add(of.name)
	}
}

func (v *Verifications) ended(of *verification, result *engine.VerifyResult, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	of.end, of.long = nil, errors.Is(err, errTurnOver)
	if of.long && !of.dropped {
		v.enqueue(of)
	}
	v.turns.end(of.name.Namespace)
	if !of.dropped {
		v.moved.Add(of.name)
	}
	if of.long {
		return
	}
	s := &of.state
	s.Running, s.EndedAt, s.Err = false, v.now(), err
	switch {
	case err == nil:
		s.Failures, s.Result, s.Answered = 0, result, s.Request
	case !Unavailable(err):
		s.Failures++
		if errors.Is(err, errVerifyDeadline) {
			s.Failures = max(s.Failures, verificationAttempts) // it took as long as many attempts
		}
		if s.Failed() {
			s.Answered = s.Request
		}
	}
}

// Unavailable reports whether an error means that the database cannot be used at present, which
// says nothing about what is in it.
func Unavailable(err error) bool {
	return errors.Is(err, ErrConnecting) || errors.Is(err, ErrNotServing) || errors.Is(err, ErrNotHosted) ||
		errors.Is(err, context.Canceled) || cutsOff(postgres.Classify(err))
}

// Verify verifies a database that is being served.
func (r *Registry) Verify(
	ctx context.Context, name types.NamespacedName, progress func(verified, total int64),
) (result *engine.VerifyResult, err error) {
	err = r.lendContained(ctx, name, "verification", func(ctx context.Context, db *postgres.DB) (err error) {
		result, err = engine.Verify(ctx, db, progress)
		return err
	})
	return result, err
}
