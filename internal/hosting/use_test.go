package hosting_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

func TestUseIsBusyBeyondTwoAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	inside, leave := make(chan struct{}), make(chan struct{})
	var users sync.WaitGroup
	for range 2 {
		users.Go(func() {
			err := w.Use(t.Context(), shop, func(context.Context, *postgres.DB) error {
				inside <- struct{}{}
				<-leave
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-inside
	}
	if err := w.Use(t.Context(), shop, query); !errors.Is(err, hosting.ErrBusy) {
		t.Errorf("the third: %v", err)
	}
	close(leave)
	users.Wait()
	if err := w.Use(t.Context(), shop, query); err != nil {
		t.Errorf("once slots are free: %v", err)
	}
}

func TestUseFailsAtOnceUntilADeadDatabaseAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	w.proxy.Swallow()
	if err := w.Use(t.Context(), shop, query); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the first use: %v", err)
	}
	w.await("cut off", func(s hosting.State) bool { return s.Fault != nil })
	err := w.Use(t.Context(), shop, func(context.Context, *postgres.DB) error {
		t.Error("ran although the database does not answer")
		return nil
	})
	if postgres.Classify(err) != postgres.ClassUnreachable {
		t.Errorf("the next use: %v", err)
	}
	w.proxy.Pass()
	w.awaitPhase(hosting.Serving)
	if err := w.Use(t.Context(), shop, query); err != nil {
		t.Errorf("once it answers: %v", err)
	}
}

func TestChangesNamesAHostWhenAnOutageBeginsAndEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	w.Changes().Drain()
	if err := w.proxy.Stop(); err != nil {
		t.Fatal(err)
	}
	w.await("away", func(s hosting.State) bool { return postgres.Classify(s.Fault) == postgres.ClassUnreachable })
	if changed := w.awaitChanges(); len(changed) != 1 || changed[0] != shop {
		t.Errorf("changes: %v", changed)
	}
	w.Ensure(shop, w.config(func(c *hosting.Config) { c.Database.URI = w.own.URI }))
	w.awaitPhase(hosting.Serving)
	if changed := w.awaitChanges(); len(changed) != 1 || changed[0] != shop {
		t.Errorf("changes: %v", changed)
	}
}

func TestUseThatTimesOutIsNoOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	err := w.Use(t.Context(), shop, func(ctx context.Context, db *postgres.DB) error {
		_, err := db.Exec(ctx, "SELECT pg_sleep(60)")
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the use that waits: %v", err)
	}
	for range 100 {
		if err := w.Use(t.Context(), shop, query); err != nil {
			t.Fatalf("another use, meanwhile: %v", err)
		}
	}
}

// A job that gives way to others says nothing about the database.
func TestLentUseThatIsCancelledEndsNoOutage(t *testing.T) {
	w := newWorld(t)
	w.serve()
	givesWay := errors.New("it gives way")
	ctx, cancel := context.WithCancelCause(t.Context())
	var cut hosting.State
	err := w.Lend(ctx, shop, func(ctx context.Context, _ *postgres.DB) error {
		if err := w.proxy.Stop(); err != nil {
			return err
		}
		cut = w.await("cut off", func(s hosting.State) bool { return s.Fault != nil })
		cancel(givesWay)
		return context.Cause(ctx)
	})
	if !errors.Is(err, givesWay) {
		t.Fatal(err)
	}
	if state := w.State(shop); state.Fault == nil || !state.AwaySince.Equal(cut.AwaySince) {
		t.Errorf("away since %s, and afterwards %+v", cut.AwaySince, state)
	}
}
