package hosting_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

func TestEqualConfigKeepsConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	accepted := w.proxy.Accepted()
	for generation := range 20 {
		w.Ensure(shop, w.config(func(c *hosting.Config) { c.Source.Generation = int64(generation) }))
	}
	if state := w.State(shop); state.Phase != hosting.Serving || state.Source.Generation != 19 {
		t.Errorf("%+v", state)
	}
	if err := w.Use(t.Context(), shop, query); err != nil {
		t.Error(err)
	}
	// The pool may have grown by itself, up to its limit and no further.
	if most := accepted + 4; w.proxy.Accepted() > most {
		t.Errorf("%d connections made, at most %d expected", w.proxy.Accepted(), most)
	}
}

func TestNewConfigClosesOldConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	w.Ensure(shop, w.config(func(c *hosting.Config) { c.Database.URI = w.own.URI })) // past the proxy
	w.awaitPhase(hosting.Serving)
	accepted := w.proxy.Accepted()
	w.proxy.Swallow()
	if err := w.Use(t.Context(), shop, query); err != nil {
		t.Errorf("after the change: %v", err)
	}
	if w.proxy.Accepted() != accepted {
		t.Error("the old connections are still used")
	}
}

func TestNewIdentityIsServedOnlyOnceItOwnsTheSchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	w.Ensure(shop, w.config(func(c *hosting.Config) { c.Identity.UID, c.Source.UID = "uid-2", "uid-2" }))
	w.awaitPhase(hosting.Connected)
	if err := w.Use(t.Context(), shop, query); !errors.Is(err, hosting.ErrNotServing) {
		t.Errorf("Use: %v", err)
	}
}

func TestDropClosesAllConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	w.Drop(shop)
	if err := w.Use(t.Context(), shop, query); !errors.Is(err, hosting.ErrNotHosted) {
		t.Errorf("Use: %v", err)
	}
	w.awaitNoConnection()
}

func TestRefusedSettingsStopNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	refusal := errors.New("no such Secret")
	later := hosting.Source{UID: identity.UID, Generation: 2}
	w.Refuse(shop, later, refusal)
	state := w.State(shop)
	if state.Phase != hosting.Serving || !errors.Is(state.Refusal, refusal) || state.Source != later {
		t.Errorf("%+v", state)
	}
	if err := w.Use(t.Context(), shop, query); err != nil {
		t.Errorf("Use: %v", err)
	}
	w.Ensure(shop, w.config(func(c *hosting.Config) { c.Source = later }))
	if state := w.State(shop); state.Refusal != nil || state.Phase != hosting.Serving {
		t.Errorf("once they can be had: %+v", state)
	}
}

func TestPrepareWithoutConnectionReturnsTheRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refusal := errors.New("no such Secret")
	w.Refuse(shop, source, refusal)
	if err := w.Prepare(t.Context(), shop, query); !errors.Is(err, refusal) {
		t.Errorf("Prepare: %v", err)
	}
}

func TestRowsThatAreHiddenFromTheOwnerAreAFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	// An engine whose queue is known to be empty reads no rows of it until a number has been drawn.
	w.asAdmin(`ALTER TABLE referral.change ENABLE ROW LEVEL SECURITY; ALTER TABLE referral.change FORCE ROW LEVEL SECURITY;
		SELECT nextval('referral.change_id_seq')`)
	w.await("a missing right", func(s hosting.State) bool { return postgres.Classify(s.Fault) == postgres.ClassPermissionDenied })
	w.asAdmin("ALTER TABLE referral.change NO FORCE ROW LEVEL SECURITY")
	w.awaitPhase(hosting.Serving)
}

func TestEngineEndsWhenTheSchemaHasAnotherOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	err := w.Use(t.Context(), shop, func(ctx context.Context, db *postgres.DB) error {
		_, err := database.Claim(ctx, db, database.Identity{Installation: "other", Name: "a/b", UID: "uid-9"}, identity.UID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.awaitPhase(hosting.Connected)
}

func TestSecretIsReadAgainAtTheFirstOfManyRefusedLogins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Ensure(shop, w.config(func(c *hosting.Config) {
		c.Database.URI = "postgres://stranger:wrong@" + w.proxy.Address() + "/" + w.own.Name
	}))
	state := w.await("refused", func(s hosting.State) bool { return s.Fault != nil })
	if class := postgres.Classify(state.Fault); class != postgres.ClassAuthenticationFailed {
		t.Errorf("%s: %v", class, state.Fault)
	}
	select {
	case <-w.Doubted().Arrived():
	case <-time.After(patience):
		t.Fatal("the Secret is not read again")
	}
	if diff := cmp.Diff([]types.NamespacedName{shop}, w.Doubted().Drain()); diff != "" {
		t.Error(diff)
	}
	more := w.proxy.Accepted() + 4
	w.await("refused again and again", func(hosting.State) bool { return w.proxy.Accepted() >= more })
	if doubted := w.Doubted().Drain(); len(doubted) > 0 {
		t.Error("the Secret is read again at a further refusal")
	}
}

func TestEndOfRunEndsEveryHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	w.end()
	w.awaitNoConnection()
	w.Ensure(shop, w.config(func(c *hosting.Config) { c.Database.MaxConnections = 7 }))
	if left := w.connections(); left > 0 {
		t.Errorf("a registry that has ended opened %d connections", left)
	}
}
