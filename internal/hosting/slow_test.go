package hosting

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Tests of slow databases have no database: what counts is how long a use takes, on the clock of
// synctest.

const (
	// slowFor is longer than a use may take without a slot.
	slowFor = slowAfter + 100*time.Millisecond

	reconcilers = 8
)

// serveUnconnected has databases of a namespace served that have no connections.
func serveUnconnected(r *Registry, namespace string, count int) []types.NamespacedName {
	var names []types.NamespacedName
	for n := range count {
		name := types.NamespacedName{Namespace: namespace, Name: fmt.Sprint("db-", n)}
		h := r.obtain(name)
		h.db, h.condition.phase = &postgres.DB{}, Serving
		names = append(names, name)
	}
	return names
}

// lasting returns a use that takes so long, unless its context ends.
func lasting(duration time.Duration) func(context.Context, *postgres.DB) error {
	return func(ctx context.Context, _ *postgres.DB) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(duration):
			return nil
		}
	}
}

func immediate(context.Context, *postgres.DB) error { return nil }

type useFunc func(context.Context, types.NamespacedName, func(context.Context, *postgres.DB) error) error

// holdSlowly lets each database be used until leave is closed, and returns once those uses are slow
// that go on. wait returns how many have been cut short.
func holdSlowly(t *testing.T, use useFunc, names []types.NamespacedName, leave <-chan struct{}) (wait func() (cut int)) {
	t.Helper()
	var mu sync.Mutex
	var users sync.WaitGroup
	cut := 0
	for _, name := range names {
		users.Go(func() {
			err := use(t.Context(), name, func(ctx context.Context, _ *postgres.DB) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-leave:
					return nil
				}
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, ErrSlow):
				cut++
			case err != nil:
				t.Error(err)
			}
		})
	}
	time.Sleep(slowFor)
	synctest.Wait()
	return func() int {
		users.Wait()
		return cut
	}
}

func TestSlowPreparesOfANamespaceLeaveSlotsToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{Reconcilers: reconcilers})
		crowd, others := serveUnconnected(r, "crowd", 9), serveUnconnected(r, "quiet", 2)
		leave := make(chan struct{})
		wait := holdSlowly(t, r.Prepare, crowd[:8], leave) // two of them have slots, of four
		for _, quick := range []types.NamespacedName{crowd[8], others[0]} {
			if err := r.Prepare(t.Context(), quick, immediate); err != nil {
				t.Errorf("a quick Prepare in namespace %s: %v", quick.Namespace, err)
			}
		}
		waitOther := holdSlowly(t, r.Prepare, others[:1], leave)
		if err := r.Prepare(t.Context(), others[1], immediate); err != nil {
			t.Errorf("a quick Prepare while slow ones of two namespaces run: %v", err)
		}
		close(leave)
		if cut := waitOther(); cut > 0 {
			t.Errorf("%d of the other namespace are cut short", cut)
		}
		if cut := wait(); cut != 6 {
			t.Errorf("%d of 8 are cut short, want 6", cut)
		}
	})
}

func TestDatabaseThatWasCutShortCostsNoTimeWhileThereIsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{Reconcilers: reconcilers})
		crowd := serveUnconnected(r, "crowd", 3)
		leave := make(chan struct{})
		wait := holdSlowly(t, r.Prepare, crowd[:2], leave)
		if cut := holdSlowly(t, r.Prepare, crowd[2:], leave)(); cut != 1 {
			t.Fatal("the third was not cut short")
		}
		err := r.Prepare(t.Context(), crowd[2], func(context.Context, *postgres.DB) error {
			t.Error("used although there is no slot")
			return nil
		})
		if !errors.Is(err, ErrSlow) {
			t.Errorf("without a slot: %v", err)
		}
		close(leave)
		wait()
		for range 3 {
			if err := r.Prepare(t.Context(), crowd[2], immediate); err != nil {
				t.Errorf("once there are slots: %v", err)
			}
		}
	})
}

func TestSlowPrepareThatPanicsReleasesItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{Reconcilers: reconcilers})
		crowd := serveUnconnected(r, "crowd", 4)
		var users sync.WaitGroup
		for _, name := range crowd[:2] {
			users.Go(func() {
				defer func() { _ = recover() }()
				_ = r.Prepare(t.Context(), name, func(context.Context, *postgres.DB) error {
					time.Sleep(slowFor)
					panic("an odd value")
				})
			})
		}
		users.Wait()
		leave := make(chan struct{})
		wait := holdSlowly(t, r.Prepare, crowd[2:], leave)
		close(leave)
		if cut := wait(); cut > 0 {
			t.Errorf("%d are cut short", cut)
		}
	})
}

// Campaigns of slow databases, too, leave workers to the campaigns of others.
func TestSlowUseIsCutShortWhileThereIsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{Reconcilers: reconcilers})
		shop := serveUnconnected(r, "growth", 1)[0]
		if err := r.Use(t.Context(), shop, lasting(slowFor)); err != nil {
			t.Errorf("while there are slots: %v", err)
		}
		leave := make(chan struct{})
		var waits []func() int
		for n, count := range []int{2, 1, 1} { // all four slots
			waits = append(waits, holdSlowly(t, r.Use, serveUnconnected(r, fmt.Sprint("crowd-", n), count), leave))
		}
		if err := r.Use(t.Context(), shop, lasting(slowFor)); !errors.Is(err, ErrSlow) {
			t.Errorf("while there is no slot: %v", err)
		}
		close(leave)
		for _, wait := range waits {
			if cut := wait(); cut > 0 {
				t.Errorf("%d that had a slot are cut short", cut)
			}
		}
	})
}

// Campaigns and their AttributionDatabases are reconciled by different workers.
func TestSlowUsesLeaveTheSlotsOfPreparesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{Reconcilers: reconcilers})
		crowd := serveUnconnected(r, "crowd", 2)
		leave := make(chan struct{})
		wait := holdSlowly(t, r.Use, crowd, leave)
		if err := r.Prepare(t.Context(), crowd[0], lasting(slowFor)); err != nil {
			t.Errorf("a slow Prepare: %v", err)
		}
		close(leave)
		if cut := wait(); cut > 0 {
			t.Errorf("%d are cut short", cut)
		}
	})
}

// A database that was slow once is quick again, and gets no slot.
func TestDatabaseThatGetsNoSlotCountsAsSlowForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{Reconcilers: reconcilers})
		crowd := serveUnconnected(r, "crowd", 3)
		leave := make(chan struct{})
		wait := holdSlowly(t, r.Prepare, crowd[:2], leave)
		if cut := holdSlowly(t, r.Prepare, crowd[2:], leave)(); cut != 1 {
			t.Fatal("the third was not cut short")
		}
		for range 58 {
			if err := r.Prepare(t.Context(), crowd[2], immediate); !errors.Is(err, ErrSlow) {
				t.Fatalf("within a minute: %v", err)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Second)
		for range 2 {
			if err := r.Prepare(t.Context(), crowd[2], immediate); err != nil {
				t.Errorf("after a minute: %v", err)
			}
		}
		close(leave)
		wait()
	})
}

// Four namespaces take a slot again whenever they have released one, and another wants one too.
func TestFreeSlotGoesToTheNamespaceThatHasWaitedLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{Reconcilers: reconcilers})
		slow := func(namespace string) types.NamespacedName {
			name := serveUnconnected(r, namespace, 1)[0]
			r.find(name).recordSlow()
			return name
		}
		refused := func(name types.NamespacedName) {
			t.Helper()
			if err := r.Prepare(t.Context(), name, immediate); !errors.Is(err, ErrSlow) {
				t.Errorf("namespace %s: %v", name.Namespace, err)
			}
		}
		var crowd []types.NamespacedName
		var leave []chan struct{}
		for n := range reconcilers / 2 {
			crowd, leave = append(crowd, slow(fmt.Sprint("crowd-", n))), append(leave, make(chan struct{}))
			if cut := holdAndLeave(t, r, crowd[n], leave[n]); cut {
				t.Fatalf("%s got no slot", crowd[n])
			}
		}
		first, second := slow("first"), slow("second")
		refused(first)
		refused(second)
		close(leave[0])
		synctest.Wait()
		for range 200 {
			refused(crowd[0])
		}
		refused(second)
		leaveFirst := make(chan struct{})
		if cut := holdAndLeave(t, r, first, leaveFirst); cut {
			t.Fatal("the first got no slot")
		}
		close(leave[1])
		synctest.Wait()
		refused(crowd[0])
		refused(crowd[1])
		if err := r.Prepare(t.Context(), second, immediate); err != nil {
			t.Errorf("the second: %v", err)
		}

		// A namespace that does not come for its slot is waited for no longer than a minute.
		refused(crowd[1])
		time.Sleep(slowMemory)
		r.find(crowd[1]).recordSlow()
		if err := r.Prepare(t.Context(), crowd[1], immediate); err != nil {
			t.Errorf("while %s has gone: %v", crowd[0].Namespace, err)
		}
		if n := len(r.slowPrepares.queue); n > 0 {
			t.Errorf("%d namespaces are in the queue", n)
		}
		for _, leave := range append(leave[2:], leaveFirst) {
			close(leave)
		}
		synctest.Wait()
		if s := r.slowPrepares; s.free != reconcilers/2 || len(s.held) > 0 {
			t.Errorf("at the end: %+v", s)
		}
	})
}

// holdAndLeave lets a database be used until leave is closed, and returns once it is, or was cut
// short.
func holdAndLeave(t *testing.T, r *Registry, name types.NamespacedName, leave <-chan struct{}) (cut bool) {
	t.Helper()
	used, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- r.Prepare(t.Context(), name, func(context.Context, *postgres.DB) error {
			close(used)
			<-leave
			return nil
		})
	}()
	select {
	case <-used:
		return false
	case <-ended:
		return true
	}
}

func TestNamespacesThatWaitForSlotsAreKeptOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := newSlowSlots(2)
		slots.take("crowd")
		for n := range 1000 {
			slots.take(fmt.Sprint("shop-", n%10))
		}
		if n := len(slots.queue); n != 10 {
			t.Errorf("%d wait", n)
		}
		time.Sleep(slowMemory)
		slots.release("crowd")
		if !slots.take("shop-5") || len(slots.queue) > 0 {
			t.Errorf("a minute later: %+v", slots)
		}
	})
}

func TestNamespaceHasHalfOfTheSlotsRoundedUp(t *testing.T) {
	for reconcilers, want := range map[int]int{1: 1, 2: 1, 3: 1, 4: 1, 6: 2, 8: 2, 16: 4, 18: 5} {
		slots, got := newSlowSlots(reconcilers), 0
		for slots.take("alone") {
			got++
		}
		if got != want {
			t.Errorf("with %d workers: %d slots, want %d", reconcilers, got, want)
		}
	}
}
