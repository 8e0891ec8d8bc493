package facts

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// groupLimit is how many facts share a commit at most.
	groupLimit = 256
	// groupWriters is how many groups of a kind are written at a time: one fills
	// while the other waits for the disk.
	groupWriters = 2
	// queueLimit bounds what waits while the database is slow.
	queueLimit = 4096
	// writeTimeout bounds one attempt to write a group.
	writeTimeout  = 10 * time.Second
	writeAttempts = 3
)

// ErrOverloaded says that too many facts wait already. Nothing was written.
var ErrOverloaded = errors.New("too many facts wait for the database")

// group lets facts of concurrent requests share a statement and its commit.
//
// Nothing waits on purpose: what comes while others are being written is the
// next group, so that one request alone is as fast as without, and a hundred
// share a disk's one flush.
type group[F, S any] struct {
	write func(context.Context, []*F) ([]Outcome[S], error)

	mu      sync.Mutex
	waiting []*ticket[F, S]
	writers int
}

// ticket is one fact that waits, and then what became of it.
type ticket[F, S any] struct {
	ctx     context.Context
	fact    *F
	done    chan struct{}
	outcome Outcome[S]
}

// do writes a fact together with those of others. When ctx ends before its
// group is being written, it is not written; afterwards it may have been.
func (g *group[F, S]) do(ctx context.Context, fact *F) (Outcome[S], error) {
	t := &ticket[F, S]{ctx: ctx, fact: fact, done: make(chan struct{})}
	if !g.enqueue(t) {
		return Outcome[S]{}, ErrOverloaded
	}
	select {
	case <-t.done:
		return t.outcome, t.outcome.Err
	case <-ctx.Done():
		return Outcome[S]{}, ctx.Err()
	}
}

func (g *group[F, S]) enqueue(t *ticket[F, S]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) >= queueLimit {
		return false
	}
	g.waiting = append(g.waiting, t)
	if g.writers < groupWriters {
		g.writers++
		// No request's end may take the others of its group along.
		go g.run(context.WithoutCancel(t.ctx))
	}
	return true
}

// run writes groups until nobody waits.
func (g *group[F, S]) run(ctx context.Context) {
	for {
		tickets := g.next()
		if tickets == nil {
			return
		}
		g.settle(ctx, tickets)
		for _, t := range tickets {
			close(t.done)
		}
	}
}

// next takes those who wait and still want it; nil ends this writer.
func (g *group[F, S]) next() []*ticket[F, S] {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.waiting) > 0 {
		n := min(len(g.waiting), groupLimit)
		var tickets []*ticket[F, S]
		for _, t := range g.waiting[:n] {
			if t.ctx.Err() == nil {
				tickets = append(tickets, t)
			}
		}
		g.waiting = append([]*ticket[F, S]{}, g.waiting[n:]...)
		if len(tickets) > 0 {
			return tickets
		}
	}
	g.waiting = nil
	g.writers--
	return nil
}

// settle writes a group. Where the values of one are at fault, all are written
// one by one, so that nobody fails for another.
func (g *group[F, S]) settle(ctx context.Context, tickets []*ticket[F, S]) {
	given := make([]*F, len(tickets))
	for i, t := range tickets {
		given[i] = t.fact
	}
	outcomes, err := g.attempt(ctx, given)
	switch {
	case err == nil:
		for i, t := range tickets {
			t.outcome = outcomes[i]
		}
	case len(tickets) > 1 && postgres.Data(err):
		for i := range tickets {
			g.settle(ctx, tickets[i:i+1])
		}
	default:
		for _, t := range tickets {
			t.outcome = Outcome[S]{Err: err}
		}
	}
}

func (g *group[F, S]) attempt(ctx context.Context, given []*F) (outcomes []Outcome[S], err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err = again(ctx, func() error {
		outcomes, err = g.write(ctx, given)
		return err
	})
	return outcomes, err
}

// again repeats what lost against another transaction, or its connection: what
// was committed all the same is found there the second time.
func again(ctx context.Context, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		lost := errors.Is(err, errVanished) || postgres.Retryable(err)
		if !lost || attempt == writeAttempts || ctx.Err() != nil {
			return err
		}
	}
}
