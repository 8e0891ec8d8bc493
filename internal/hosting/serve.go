package hosting

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/jitter"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// watchInterval is how often a host checks whether its engine makes progress, or whether a dead
	// database answers again.
	watchInterval = time.Second

	// ownershipInterval is how often a host checks whether a schema has become its own.
	ownershipInterval = 3 * time.Second

	// heartbeatInterval is how often an owner records that it is alive. After five minutes without
	// it another may take over.
	heartbeatInterval = time.Minute

	// replicaLifetime is how long a replica counts after its last heartbeat.
	replicaLifetime = 5 * heartbeatInterval / 2

	// soundAfter is how long an engine must run after a panic until the panic counts as over.
	soundAfter = 5 * time.Second

	// patience is after how many failed checks in a row an engine counts as failing, so that one lost
	// connection does not show.
	patience = 3
)

// serve runs the engine while the schema may be served, until ctx ends.
func (h *host) serve(ctx context.Context, db *postgres.DB, identity database.Identity) {
	delay := newBackoff()
	for {
		may, err := h.mayServe(ctx, db, identity)
		h.observe(err)
		if err == nil && !may {
			h.change(func(c *condition) { c.engine = nil }) // no engine runs here, so none fails
		}
		if may {
			began := time.Now()
			if err := h.runEngine(ctx, db, identity); err != nil {
				if time.Since(began) > soundAfter {
					delay.Reset()
				}
				h.failed(err)
				pause(ctx, delay.NextBackOff())
				signal(h.recheck)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-h.recheck:
		case <-h.suspected:
		case <-time.After(jitter.Spread(ownershipInterval)):
		}
	}
}

// mayServe reports whether the schema belongs to identity and has the versions that this binary
// knows. For the owner it records a heartbeat, in a schema of older versions too: it stays the
// owner of one that is suspended, or that cannot be migrated.
func (h *host) mayServe(ctx context.Context, db *postgres.DB, identity database.Identity) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	found, err := database.ReadVersions(ctx, db)
	if err != nil || found.Schema == 0 || database.CheckVersions(found) != nil {
		return false, err
	}
	err = database.Heartbeat(ctx, db, identity)
	if _, another := errors.AsType[*database.ErrOwnedByAnother](err); another {
		h.beat(time.Time{})
		return false, nil
	}
	if err == nil {
		h.beat(time.Now())
	}
	return err == nil && found == database.Known(), err
}

// runEngine runs and watches the engine until ctx ends or the schema may no longer be served. It
// returns an error if the engine panicked.
func (h *host) runEngine(ctx context.Context, db *postgres.DB, identity database.Identity) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e := engine.New(db, engine.Options{
		OwnerUID:         identity.UID,
		Tenant:           h.name.Namespace,
		Workers:          h.registry.options.Workers,
		PollInterval:     h.registry.options.PollInterval,
		IdlePollInterval: h.registry.options.IdlePollInterval,
		Pace:             h.registry.pace,
		Log:              h.log,
		Observer:         h.registry.metrics,
	})
	h.attend(ctx, db, e)
	defer h.leave(ctx, db)
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	var beating sync.WaitGroup
	beating.Go(func() {
		if err := engine.Contain(func() error { h.heartbeats(ctx, cancel, db, identity, e); return nil }); err != nil {
			h.failed(err)
			cancel()
		}
	})
	h.setEngine(e)
	defer h.setEngine(nil)
	h.log.Info("Engine started")

	err := h.watch(ctx, db, e, ended)
	cancel()
	beating.Wait()
	h.log.Info("Engine stopped")
	if panicked(err) {
		return err
	}
	return nil
}

// watch updates the host's condition from its running engine, and returns the engine's error when
// it has ended.
func (h *host) watch(ctx context.Context, db *postgres.DB, e *engine.Engine, ended <-chan error) error {
	var last error
	failed := 0
	began := time.Now()
	for {
		select {
		case err := <-ended:
			if err != nil {
				h.log.Info("The engine has ended", "reason", err)
			}
			return err
		case <-h.suspected:
			h.observe(ping(ctx, db))
			continue
		case <-time.After(jitter.Spread(watchInterval)):
		}
		failure := e.Err()
		failed++
		if failure == nil {
			failed = 0
		}
		switch {
		case h.cutOff() != nil:
			h.observe(ping(ctx, db))
		case !alike(failure, last) && cutsOff(postgres.Classify(failure)):
			h.observe(failure)
		}
		h.change(func(c *condition) {
			c.resync, c.reversals = e.ResyncErr(), e.ReversalErrs()
			if time.Since(began) > soundAfter || !panicked(c.engine) {
				c.engine = nil
			}
			if failed >= patience && !cutsOff(postgres.Classify(failure)) {
				c.engine = failure
			}
		})
		last = failure
	}
}

// heartbeats records that the owner and this replica are alive. It ends the engine when the schema
// has another owner, or versions that this binary does not know.
func (h *host) heartbeats(
	ctx context.Context, end context.CancelFunc, db *postgres.DB, identity database.Identity, e *engine.Engine,
) {
	for pause(ctx, jitter.Spread(heartbeatInterval)) {
		may, err := h.mayServe(ctx, db, identity)
		h.observe(err)
		if err == nil && !may {
			end()
		}
		h.attend(ctx, db, e)
	}
}

// attend records that this replica is alive, and tells the engine its place among the replicas. If
// that fails the engine keeps its place.
func (h *host) attend(ctx context.Context, db *postgres.DB, e *engine.Engine) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if place, err := database.Attend(ctx, db, h.registry.replica, replicaLifetime); err == nil {
		e.Share(place)
		h.mu.Lock()
		h.place = place
		h.mu.Unlock()
	}
}

// leave lets the other replicas do this one's share at once. If that fails they notice later.
func (h *host) leave(ctx context.Context, db *postgres.DB) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = database.Leave(ctx, db, h.registry.replica)
}

func panicked(err error) bool {
	_, ok := errors.AsType[*engine.PanicError](err)
	return ok
}

func ping(ctx context.Context, db *postgres.DB) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return db.Ping(ctx)
}

// setEngine records the running engine; nil: none runs.
func (h *host) setEngine(e *engine.Engine) {
	h.mu.Lock()
	h.engine = e
	h.mu.Unlock()
	h.change(func(c *condition) {
		c.resync, c.reversals = nil, nil
		if !panicked(c.engine) { // watch forgets a panic once the next engine has proved sound
			c.engine = nil
		}
		switch {
		case e != nil:
			c.phase = Serving
		case c.phase == Serving: // it may be Connecting by now, under another config
			c.phase = Connected
		}
	})
}

// beat records when the owner of the schema recorded its heartbeat; zero: there is another owner.
func (h *host) beat(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heartbeatAt = at
}
