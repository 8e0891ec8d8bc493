package hosting

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// jobsAtOnce is how many jobs of one kind, plans or verifications, a process runs at a time.
	jobsAtOnce = 2

	// turnLength is how long a job runs until it counts as long.
	turnLength = 10 * time.Minute
)

// errTurnOver ends a job that has to start again as a long one.
var errTurnOver = errors.New("it has run for long, and gives way to others")

// job is a plan or a verification.
type job interface {
	comparable
	place() place
}

// place is what a job waits for: the next turn of its namespace, among long jobs or among the
// others.
type place struct {
	namespace string
	long      bool
}

// turns decides when jobs of one kind may start. A namespace runs one job at a time: while all of
// its databases are slow, or never answer, the jobs of other namespaces run beside it. The next job
// is of the namespace whose last job started longest ago, so that many jobs of one namespace do not
// delay those of another.
//
// Jobs of a few namespaces that take long must not delay quick ones, and each long one must come to
// an end. So one long job runs at a time while others wait, beside jobs that run for turnLength at
// most. Once a job has run for turnLength, and a job of another namespace waits:
//
//	no other long job runs or waits  → it runs on, as the long one
//	another long job runs or waits   → it ends with errTurnOver, and has to start again as a long one
//
// A long job starts as soon as no other one runs, and then runs to its end, or to its limit. Long
// jobs have turns of their own, by namespace as well: quick jobs that start do not delay a long job
// of their namespace.
//
// The caller holds the mutex of the Plans or Verifications that have the turns, except in run.
type turns[J job] struct {
	waiting func() []J    // the jobs that have yet to start; those of a place start in this order
	limit   time.Duration // of one run of a job
	late    error         // ends a job that has run for that long

	wake    chan struct{}    // has a value when a job may have to be started or ended
	running map[string]*turn // by namespace; also of a job that was dropped and has not ended yet
	started int              // how many jobs have been started
	last    map[place]int    // the value of started when the last job of a place started; absent: 0
}

// turn is one run of a job.
type turn struct {
	long    bool
	began   time.Time
	started int
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timers  []*time.Timer // of turnLength and of the limit
}

func newTurns[J job](waiting func() []J, limit time.Duration, late error) turns[J] {
	return turns[J]{
		waiting: waiting, limit: limit, late: late,
		wake: make(chan struct{}, 1), running: map[string]*turn{}, last: map[place]int{},
	}
}

// run starts what next returns, again each time that it is woken, until ctx ends, and returns nil
// when all of it has ended. next returns nil if nothing may start now.
func (t *turns[J]) run(ctx context.Context, next func(context.Context) func()) error {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		for start := next(ctx); start != nil; start = next(ctx) {
			running.Go(start)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.wake:
		}
	}
}

// next returns the job that starts now; false: none may. Then a running job that has to give way is
// ended.
func (t *turns[J]) next() (J, bool) {
	waiting := t.waiting()
	if len(t.running) < jobsAtOnce {
		// A long job that waits for another of its namespace keeps its place. The running job of
		// that namespace gives way after turnLength if a job of another namespace waits and fits; else it
		// runs to its end, or its limit.
		long, found := t.first(waiting, func(p place) bool { return p.long })
		if found && t.fits(long.place()) {
			return long, true
		}
		if quick, found := t.first(waiting, func(p place) bool { return !p.long && t.fits(p) }); found {
			return quick, true
		}
	}
	t.interrupt(waiting)
	var none J
	return none, false
}

// first returns the waiting job whose turn is next, among those in eligible places.
func (t *turns[J]) first(waiting []J, eligible func(place) bool) (first J, found bool) {
	for _, job := range waiting {
		if eligible(job.place()) && (!found || t.last[job.place()] < t.last[first.place()]) {
			first, found = job, true
		}
	}
	return first, found
}

// fits reports whether a job may run beside those that run, apart from their number.
func (t *turns[J]) fits(of place) bool {
	return t.running[of.namespace] == nil && (!of.long || !t.longRuns())
}

func (t *turns[J]) longRuns() bool {
	for _, turn := range t.running {
		if turn.long {
			return true
		}
	}
	return false
}

// interrupt ends a job that has run for turnLength, if it keeps a waiting one from starting and may
// not run on as the long one. It ends one at a time.
func (t *turns[J]) interrupt(waiting []J) {
	if !slices.ContainsFunc(waiting, func(job J) bool { return t.fits(job.place()) }) {
		return
	}
	longWaits := slices.ContainsFunc(waiting, func(job J) bool { return job.place().long })
	namespaces := slices.SortedFunc(maps.Keys(t.running), func(a, b string) int { return t.running[a].started - t.running[b].started })
	for _, namespace := range namespaces {
		if t.running[namespace].ctx.Err() != nil {
			return // it is about to end
		}
	}
	for _, namespace := range namespaces {
		turn := t.running[namespace]
		switch {
		case turn.long || time.Since(turn.began) < turnLength:
		case !longWaits && !t.longRuns():
			turn.long = true
			t.count(place{namespace, true})
		default:
			turn.cancel(errTurnOver)
			return
		}
	}
}

// start records that a job starts. The job's context ends when cancelJob is called, or with a cause
// that endedBy finds.
func (t *turns[J]) start(ctx context.Context, job J) (ofJob context.Context, cancelJob context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	t.running[job.place().namespace] = &turn{
		long: job.place().long, began: time.Now(), started: t.count(job.place()), ctx: ctx, cancel: cancel,
		timers: []*time.Timer{
			time.AfterFunc(turnLength, func() { signal(t.wake) }),
			time.AfterFunc(t.limit, func() { cancel(t.late) }),
		},
	}
	return ctx, func() { cancel(nil) }
}

// count records that a job of a place starts now, and returns how many have.
func (t *turns[J]) count(of place) int {
	t.started++
	t.last[of] = t.started
	return t.started
}

// endedBy returns errTurnOver or late if a job has failed since its context ended with it, and else
// the job's own error.
func (t *turns[J]) endedBy(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && (errors.Is(cause, errTurnOver) || errors.Is(cause, t.late)) {
		return cause
	}
	return err
}

// end records that the job of a namespace has ended. A place is forgotten once no job of its
// namespace runs and no waiting job's place had an earlier last turn: it would be first in order
// with or without its entry.
func (t *turns[J]) end(namespace string) {
	turn := t.running[namespace]
	turn.cancel(nil)
	for _, timer := range turn.timers {
		timer.Stop()
	}
	delete(t.running, namespace)
	earliest := t.started + 1
	for _, job := range t.waiting() {
		earliest = min(earliest, t.last[job.place()])
	}
	maps.DeleteFunc(t.last, func(of place, last int) bool { return last <= earliest && t.running[of.namespace] == nil })
	signal(t.wake)
}
