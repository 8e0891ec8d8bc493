package hosting

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// useTimeout bounds one use of a database by a reconcile, so that its status can be written in
// time.
const useTimeout = 5 * time.Second

// Prepare lets the reconciler of the AttributionDatabase use the database, whatever object owns the
// schema. Afterwards the host checks at once whether it may serve the schema. While there is no
// connection, or the database is known to be cut off, it fails at once with the cause. A use may
// take long, such as a migration, while not too many others do; else Prepare cancels it and returns
// ErrSlow.
func (r *Registry) Prepare(
	ctx context.Context, name types.NamespacedName, use func(context.Context, *postgres.DB) error,
) error {
	h := r.find(name)
	if h == nil {
		return ErrNotHosted
	}
	db, _, err := h.usable(Connected)
	if err != nil {
		return err
	}
	err = h.useWithSlot(ctx, r.slowPrepares, db, use)
	if err == nil {
		signal(h.recheck)
	}
	return err
}

// Use lets the reconciler of the campaigns use a database that is being served. It never waits for
// its turn. While the database is not served, Use fails at once with the cause; while all its slots
// are taken, with ErrBusy; when it is slow and too many others are, with ErrSlow; and when the
// database does not answer, at a deadline. So dead or slow databases with many campaigns cost the
// reconciles of other databases next to nothing.
func (r *Registry) Use(
	ctx context.Context, name types.NamespacedName, use func(context.Context, *postgres.DB) error,
) error {
	h := r.find(name)
	if h == nil {
		return ErrNotHosted
	}
	db, _, err := h.usable(Serving)
	if err != nil {
		return err
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		return ErrBusy
	}
	ctx, cancel := context.WithTimeout(ctx, useTimeout)
	defer cancel()
	err = h.useWithSlot(ctx, r.slowUses, db, use)
	if !errors.Is(err, ErrSlow) {
		h.stir()
	}
	return err
}

// Lend lets work that takes long, such as a plan, use a database that is being served. While it is
// not served, Lend fails at once with the cause. The context of use also ends when the host closes
// its connections, for other settings or for good; Lend then returns ErrConnecting.
func (r *Registry) Lend(
	ctx context.Context, name types.NamespacedName, use func(context.Context, *postgres.DB) error,
) error {
	h := r.find(name)
	if h == nil {
		return ErrNotHosted
	}
	db, using, err := h.usable(Serving)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(using, cancel)()
	err = use(ctx, db)
	switch {
	case err != nil && using.Err() != nil:
		return ErrConnecting
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return err // whatever the cause is, it shows nothing about the database
	}
	h.learn(err)
	return err
}

// lendContained is Lend for work whose panic is an error, which it logs.
func (r *Registry) lendContained(
	ctx context.Context, name types.NamespacedName, work string, use func(context.Context, *postgres.DB) error,
) error {
	err := r.Lend(ctx, name, func(ctx context.Context, db *postgres.DB) error {
		return engine.Contain(func() error { return use(ctx, db) })
	})
	if panicked, ok := errors.AsType[*engine.PanicError](err); ok {
		r.options.Log.Error("A task of the database panicked", "attributionDatabase", name.String(), "work", work,
			"panic", panicked.Value, "stack", string(panicked.Stack))
	}
	return err
}

// Place returns this replica's place among those that serve a database; zero: it serves none.
func (r *Registry) Place(name types.NamespacedName) database.Place {
	h := r.find(name)
	if h == nil {
		return database.Place{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.condition.phase != Serving {
		return database.Place{}
	}
	return h.place
}

// Stir makes a running engine poll at once. The reconciler of the AttributionDatabase calls it after
// a use that wrote something that a report shows: the report read before is not quiet any more.
func (r *Registry) Stir(name types.NamespacedName) {
	if h := r.find(name); h != nil {
		h.stir()
	}
}

// stir makes a running engine poll at once, since something may have been declared.
func (h *host) stir() {
	h.mu.Lock()
	running := h.engine
	h.mu.Unlock()
	if running != nil {
		running.Stir()
	}
}

// learn records the outcome of a reconcile's use. A use that ran out of time, or was too slow, may
// have waited for a lock, so the host checks whether the database answers.
func (h *host) learn(err error) {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrSlow) {
		signal(h.suspected)
		return
	}
	h.observe(err)
	if err != nil {
		h.registry.metrics.Failed(err)
	}
}

// usable returns the connections of a host that has reached phase, and the context that ends when
// they are closed, or why they cannot be used.
func (h *host) usable(phase Phase) (*postgres.DB, context.Context, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.condition
	switch {
	case c.outage != nil:
		return nil, nil, c.outage
	case h.db == nil && c.refusal != nil:
		return nil, nil, c.refusal
	case h.db == nil || c.phase == Connecting:
		return nil, nil, ErrConnecting
	case phase == Serving && c.phase != Serving:
		return nil, nil, ErrNotServing
	}
	return h.db, h.using, nil
}

// cutOff is why the database does not answer; nil: it is not known to be cut off.
func (h *host) cutOff() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.condition.outage
}
