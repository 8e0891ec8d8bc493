package hosting

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// slowAfter is how long a use of a database may take until it counts as slow. Until then it keeps
	// a worker without a slot, for which a namespace without a worker may have to wait (see package
	// fair).
	slowAfter = time.Second

	// slowMemory is how long after a slow use a database counts as slow, although uses have been quick
	// since.
	slowMemory = time.Minute
)

// slowSlots bounds how many uses by one controller are slow at a time, since each of them keeps a
// worker from the databases of others. A namespace may hold as many slots as are left free: if it
// is alone it gets half of them, and further namespaces find some. Quick uses need no slot.
type slowSlots struct {
	mu   sync.Mutex
	free int
	held map[string]int // by namespace
}

// newSlowSlots returns slots for half of the workers, at least one.
func newSlowSlots(reconcilers int) *slowSlots {
	return &slowSlots{free: max(1, reconcilers/2), held: map[string]int{}}
}

// take takes a slot, and reports whether the namespace may have one more.
func (s *slowSlots) take(namespace string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[namespace] >= s.free {
		return false
	}
	s.free--
	s.held[namespace]++
	return true
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
// from the start, however it ends: so a slow database keeps a worker without a slot for slowAfter
// once.
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
		slow := !timer.Stop()
		if slow {
			<-decided
		}
		if holds {
			slots.release(namespace)
		}
		h.recordSpeed(slow)
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
	return !h.slowAt.IsZero()
}

// recordSpeed records whether a use of the database was slow.
func (h *host) recordSpeed(slow bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case slow:
		h.slowAt = time.Now()
	case time.Since(h.slowAt) >= slowMemory:
		h.slowAt = time.Time{}
	}
}
