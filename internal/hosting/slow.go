package hosting

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// slowAfter is how long a use of a database may take until it counts as slow. Until then it keeps
	// a worker without a slot, for which a namespace without a worker may have to wait (see package
	// fair).
	slowAfter = time.Second

	// slowMemory is how long after a slow use a database counts as slow, and how long a namespace that
	// does not come for its slot waits for one.
	slowMemory = time.Minute
)

// slowSlots bounds how many uses by one controller are slow at a time, since each of them keeps a
// worker from the databases of others. A namespace may take another slot while it holds fewer slots
// than are free: if it is alone it gets half of them, rounded up, and further namespaces find some.
// Quick uses need no slot.
//
// No use waits for a slot: its object tries again. So that namespaces that try more often do not
// overtake others, a free slot is kept for the namespace that has found none for longest.
type slowSlots struct {
	mu    sync.Mutex
	free  int
	held  map[string]int // by namespace
	queue []slowWaiter   // the namespaces that found no slot, the one that has waited longest first
}

// slowWaiter is a namespace that waits for a slot.
type slowWaiter struct {
	namespace string
	triedAt   time.Time // the last time
}

// newSlowSlots returns slots for half of the workers, at least one.
func newSlowSlots(reconcilers int) *slowSlots {
	return &slowSlots{free: max(1, reconcilers/2), held: map[string]int{}}
}

// take takes a slot, and reports whether the namespace may have one more now. If not, the namespace
// waits for one.
func (s *slowSlots) take(namespace string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.queue = slices.DeleteFunc(s.queue, func(w slowWaiter) bool { return now.Sub(w.triedAt) >= slowMemory })
	at := slices.IndexFunc(s.queue, func(w slowWaiter) bool { return w.namespace == namespace })
	earlier := s.queue
	if at >= 0 {
		earlier = s.queue[:at]
	}
	free := s.free
	for _, w := range earlier {
		if s.held[w.namespace] < free {
			free-- // it is kept for that one
		}
	}
	switch {
	case s.held[namespace] < free:
		s.free--
		s.held[namespace]++
		if at >= 0 {
			s.queue = slices.Delete(s.queue, at, at+1)
		}
		return true
	case at >= 0:
		s.queue[at].triedAt = now
	default:
		s.queue = append(s.queue, slowWaiter{namespace, now})
	}
	return false
}

func (s *slowSlots) release(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	s.held[namespace]--
	if s.held[namespace] == 0 {
		delete(s.held, namespace)
	}
}

// useWithSlot runs use, which needs a slot once it is slow. If there is none for it, its context is
// cancelled, and useWithSlot returns ErrSlow. A use of a database that counts as slow needs a slot
// from the start, however it ends: so a slow database keeps a worker without a slot at most once per
// slowMemory, and then for slowAfter.
func (h *host) useWithSlot(
	ctx context.Context, slots *slowSlots, db *postgres.DB, use func(context.Context, *postgres.DB) error,
) (err error) {
	namespace := h.name.Namespace
	holds := h.countsAsSlow()
	if holds && !slots.take(namespace) {
		return ErrSlow
	}
	ctx, cancel := context.WithCancelCause(ctx)
	decided := make(chan struct{}) // closed when it is known whether the slow use goes on
	timer := time.AfterFunc(slowAfter, func() {
		defer close(decided)
		if holds = holds || slots.take(namespace); !holds {
			cancel(ErrSlow)
		}
	})
	defer func() { // even if use panics
		if slow := !timer.Stop(); slow {
			<-decided
			h.recordSlow()
		}
		if holds {
			slots.release(namespace)
		}
		cancel(nil)
	}()
	err = use(ctx, db)
	if err != nil && errors.Is(context.Cause(ctx), ErrSlow) {
		err = ErrSlow
	}
	h.learn(err)
	return err
}

// countsAsSlow reports whether a use of the database needs a slot from the start.
func (h *host) countsAsSlow() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Since(h.slowAt) < slowMemory
}

// recordSlow records that a slow use of the database has ended.
func (h *host) recordSlow() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.slowAt = time.Now()
}
