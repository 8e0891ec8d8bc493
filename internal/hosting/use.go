package hosting

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// useTimeout bounds one use of a database by a controller. It is shorter than anybody's patience with a status.
const useTimeout = 5 * time.Second

// slotPatience is how long a controller waits for others to be done with the database before it comes again later.
const slotPatience = 50 * time.Millisecond

// Prepare lets the reconciler of the AttributionDatabase use the database, whosever schema it is, and has the host look
// at once whether it may serve it now. It fails fast, with the reason, while there is no connection or the database is
// known to be cut off.
func (r *Registry) Prepare(
	ctx context.Context, name types.NamespacedName, use func(context.Context, *postgres.DB) error,
) error {
	h := r.find(name)
	if h == nil {
		return ErrNotHosted
	}
	db, err := h.usable(Connected)
	if err != nil {
		return err
	}
	err = use(ctx, db)
	h.learn(err)
	if err == nil {
		signal(h.recheck)
	}
	return err
}

// Use lets a controller use a database that is being served. It fails fast, with the reason, while that is not so; with
// ErrBusy while others use it; and with a deadline when the database does not answer. However many campaigns a database
// has, it thereby costs the controllers of others next to nothing when it is gone.
func (r *Registry) Use(
	ctx context.Context, name types.NamespacedName, use func(context.Context, *postgres.DB) error,
) error {
	h := r.find(name)
	if h == nil {
		return ErrNotHosted
	}
	if _, err := h.usable(Serving); err != nil {
		return err
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(slotPatience):
		return ErrBusy
	}
	// Whoever had the slot may have found out that nothing answers.
	db, err := h.usable(Serving)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, useTimeout)
	defer cancel()
	err = use(ctx, db)
	h.learn(err)
	return err
}

// learn takes the outcome of a controller's use into account. One that ran out of time may have waited for a lock: the
// host finds out by itself whether the database answers.
func (h *host) learn(err error) {
	if errors.Is(err, context.DeadlineExceeded) {
		signal(h.suspected)
		return
	}
	h.observe(err)
}

// usable returns the connections of a host that has come at least as far as phase, or why they are of no use.
func (h *host) usable(phase Phase) (*postgres.DB, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.condition
	switch {
	case c.outage != nil:
		return nil, c.outage
	case h.db == nil && c.refusal != nil:
		return nil, c.refusal
	case h.db == nil || c.phase == Connecting:
		return nil, ErrConnecting
	case phase == Serving && c.phase != Serving:
		return nil, ErrNotServing
	}
	return h.db, nil
}

// cutOff is why the database is known not to answer; nil: it is not known.
func (h *host) cutOff() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.condition.outage
}
