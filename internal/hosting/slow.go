package hosting

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// slowAfter is how long a use of a database may take until it counts as slow.
const slowAfter = 2 * time.Second

// slowSlots bounds how many uses are slow at a time, since each of them keeps a worker of its
// controller from the databases of others. A namespace may hold as many slots as are left free: if it
// is alone it gets half of them, and further namespaces find some. Quick uses need no slot.
type slowSlots struct {
	mu   sync.Mutex
	free int
	held map[string]int // by namespace
}

// newSlowSlots returns slots for half of the workers, but for at least one.
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
// cancelled, and useWithSlot returns ErrSlow. After a use that was slow and failed, the next one needs
// a slot from the start, so that a database which never answers keeps a worker without a slot only once.
func (h *host) useWithSlot(ctx context.Context, db *postgres.DB, use func(context.Context, *postgres.DB) error) (err error) {
	slots, namespace := h.registry.slow, h.name.Namespace
	holds := h.wasSlow.Load()
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
		h.wasSlow.Store(slow && err != nil)
		cancel(nil)
	}()
	err = use(ctx, db)
	if err != nil && errors.Is(context.Cause(ctx), ErrSlow) {
		return ErrSlow
	}
	return err
}
