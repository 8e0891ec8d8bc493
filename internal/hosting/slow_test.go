package hosting_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// slowFor is longer than a use may take without a slot.
const slowFor = 3 * time.Second

// connect has the world's database hosted under many names of a namespace, and waits until it can be
// used.
func (w *world) connect(namespace string, count int) []types.NamespacedName {
	w.Helper()
	var names []types.NamespacedName
	for n := range count {
		name := types.NamespacedName{Namespace: namespace, Name: fmt.Sprint("db-", n)}
		w.Ensure(name, w.config())
		w.awaitUse(name, query)
		names = append(names, name)
	}
	return names
}

// prepareSlowly lets each database be used until leave is closed. The uses that go on report to the
// channel once they are slow. wait returns the databases whose use has been cut short.
func (w *world) prepareSlowly(names []types.NamespacedName, leave <-chan struct{}) (slow <-chan struct{}, wait func() []types.NamespacedName) {
	var mu sync.Mutex
	var cut []types.NamespacedName
	var users sync.WaitGroup
	going := make(chan struct{}, len(names))
	for _, name := range names {
		users.Go(func() {
			err := w.Prepare(context.Background(), name, func(ctx context.Context, _ *postgres.DB) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(slowFor):
				}
				going <- struct{}{}
				<-leave
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, hosting.ErrSlow):
				cut = append(cut, name)
			case err != nil:
				w.Error(err)
			}
		})
	}
	return going, func() []types.NamespacedName {
		users.Wait()
		return cut
	}
}

func TestSlowPreparesOfANamespaceLeaveSlotsToOthers(t *testing.T) {
	w := newWorld(t)
	crowd, others := w.connect("crowd", 9), w.connect("quiet", 2)
	leave := make(chan struct{})
	slow, wait := w.prepareSlowly(crowd[:8], leave)
	<-slow
	<-slow // two of the four slots

	for _, quick := range []types.NamespacedName{crowd[8], others[0]} {
		if err := w.Prepare(t.Context(), quick, query); err != nil {
			t.Errorf("a quick Prepare in namespace %s: %v", quick.Namespace, err)
		}
	}
	slowOther, waitOther := w.prepareSlowly(others[:1], leave)
	<-slowOther
	if err := w.Prepare(t.Context(), others[1], query); err != nil {
		t.Errorf("a quick Prepare while slow ones of two namespaces run: %v", err)
	}
	close(leave)
	if cut := waitOther(); len(cut) > 0 {
		t.Errorf("cut short: %v", cut)
	}
	if cut := wait(); len(cut) != 6 {
		t.Errorf("cut short: %v, want 6 of 8", cut)
	}
}

func TestDatabaseThatWasCutShortCostsNoTimeWhileThereIsNoSlot(t *testing.T) {
	w := newWorld(t)
	crowd := w.connect("crowd", 3)
	leave := make(chan struct{})
	slow, wait := w.prepareSlowly(crowd[:2], leave)
	<-slow
	<-slow
	_, waitThird := w.prepareSlowly(crowd[2:], leave)
	if cut := waitThird(); len(cut) != 1 {
		t.Fatal("the third was not cut short")
	}
	err := w.Prepare(t.Context(), crowd[2], func(context.Context, *postgres.DB) error {
		t.Error("used although there is no slot")
		return nil
	})
	if !errors.Is(err, hosting.ErrSlow) {
		t.Errorf("without a slot: %v", err)
	}
	close(leave)
	wait()
	for range 3 {
		if err := w.Prepare(t.Context(), crowd[2], query); err != nil {
			t.Errorf("once there are slots: %v", err)
		}
	}
}

func TestSlowPrepareThatPanicsReleasesItsSlot(t *testing.T) {
	w := newWorld(t)
	crowd := w.connect("crowd", 4)
	var users sync.WaitGroup
	for _, name := range crowd[:2] {
		users.Go(func() {
			defer func() { _ = recover() }()
			_ = w.Prepare(context.Background(), name, func(context.Context, *postgres.DB) error {
				time.Sleep(slowFor)
				panic("an odd value")
			})
		})
	}
	users.Wait()
	leave := make(chan struct{})
	close(leave)
	_, wait := w.prepareSlowly(crowd[2:], leave)
	if cut := wait(); len(cut) > 0 {
		t.Errorf("cut short: %v", cut)
	}
}

// Campaigns of slow databases, too, leave workers to the campaigns of others.
func TestSlowUseIsBusyWhileThereIsNoSlot(t *testing.T) {
	w := newWorld(t)
	w.serve()
	slowly := func(ctx context.Context, _ *postgres.DB) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(slowFor):
			return nil
		}
	}
	if err := w.Use(t.Context(), shop, slowly); err != nil {
		t.Errorf("while there are slots: %v", err)
	}
	leave := make(chan struct{})
	var waits []func() []types.NamespacedName
	for n, count := range []int{2, 1, 1} { // all four slots
		slow, wait := w.prepareSlowly(w.connect(fmt.Sprint("crowd-", n), count), leave)
		waits = append(waits, wait)
		for range count {
			<-slow
		}
	}
	if err := w.Use(t.Context(), shop, slowly); !errors.Is(err, hosting.ErrBusy) {
		t.Errorf("while there is no slot: %v", err)
	}
	close(leave)
	for _, wait := range waits {
		wait()
	}
}
