package hosting

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"sync"
)

// jobsAtOnce is how many jobs of one kind, plans or verifications, a process runs at a time.
const jobsAtOnce = 2

// turns decides when jobs of one kind may start. A namespace runs one job at a time: while all of
// its databases are slow, or never answer, the jobs of other namespaces run beside it. The next job
// is of the namespace whose last job started longest ago, so that many jobs of one namespace do not
// delay those of another. The caller holds the mutex of the Plans or Verifications that have the
// turns, except in run.
type turns struct {
	wake    chan struct{}   // has a value when a job may have to be started
	running map[string]bool // the namespaces whose job runs, or was dropped and has not ended yet
	started int             // how many jobs have been started
	last    map[string]int  // by namespace: the value of started when its last job started; absent: 0
}

func newTurns() turns {
	return turns{wake: make(chan struct{}, 1), running: map[string]bool{}, last: map[string]int{}}
}

// run starts what next returns, again each time that it is woken, until ctx ends, and returns nil
// when all of it has ended. next returns nil if nothing may start now.
func (t *turns) run(ctx context.Context, next func(context.Context) func()) error {
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

// mayStart reports whether a job of a namespace may start now.
func (t *turns) mayStart(namespace string) bool {
	return len(t.running) < jobsAtOnce && !t.running[namespace]
}

// compare orders namespaces by their turns.
func (t *turns) compare(a, b string) int { return cmp.Compare(t.last[a], t.last[b]) }

// start records that a job of a namespace starts.
func (t *turns) start(namespace string) {
	t.started++
	t.last[namespace] = t.started
	t.running[namespace] = true
}

// end records that the job of a namespace has ended. waiting are the namespaces of the jobs that
// have yet to start. A namespace is forgotten once none of its jobs runs and no waiting namespace's
// last job started earlier than its own: its next job then has no other to wait for.
func (t *turns) end(namespace string, waiting iter.Seq[string]) {
	delete(t.running, namespace)
	earliest := t.started + 1
	for namespace := range waiting {
		earliest = min(earliest, t.last[namespace])
	}
	maps.DeleteFunc(t.last, func(namespace string, last int) bool { return last <= earliest && !t.running[namespace] })
	signal(t.wake)
}
