package hosting

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// watchInterval is how often a host looks whether its engine makes progress, or whether a dead database has come
	// back.
	watchInterval = time.Second

	// standingInterval is how often a host looks whether a schema has become its own.
	standingInterval = 3 * time.Second

	// heartbeatInterval is how often an owner shows that it is alive. Five minutes without it let another take over.
	heartbeatInterval = time.Minute

	// patience is how many looks in a row an engine may fail before that counts: one lost connection is no news.
	patience = 3
)

// serve runs the engine whenever the schema is ours and of our versions, until ctx ends.
func (h *host) serve(ctx context.Context, db *postgres.DB, identity database.Identity) {
	for {
		may, err := mayServe(ctx, db, identity)
		h.observe(err)
		if may {
			h.runEngine(ctx, db, identity)
		}
		select {
		case <-ctx.Done():
			return
		case <-h.recheck:
		case <-h.suspected:
		case <-time.After(jittered(standingInterval)):
		}
	}
}

// mayServe says whether the schema is ours, and of the versions that this binary knows. For an owner it is a sign of
// life.
func mayServe(ctx context.Context, db *postgres.DB, identity database.Identity) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	schema, rules, err := database.ReadVersions(ctx, db)
	if err != nil || (database.Versions{Schema: schema, Rules: rules}) != database.Known() {
		return false, err
	}
	err = database.Heartbeat(ctx, db, identity)
	if _, another := errors.AsType[*database.ErrOwnedByAnother](err); another {
		return false, nil
	}
	return err == nil, err
}

// runEngine runs the engine, and watches over it, until ctx ends or the schema is no longer ours.
func (h *host) runEngine(ctx context.Context, db *postgres.DB, identity database.Identity) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e := engine.New(db, engine.Options{
		OwnerUID:     identity.UID,
		Workers:      h.registry.options.Workers,
		PollInterval: h.registry.options.PollInterval,
		Log:          h.log,
	})
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	var beating sync.WaitGroup
	beating.Go(func() { h.heartbeats(ctx, cancel, db, identity) })
	h.setEngine(e)
	h.log.Info("Deciding credits")

	h.watch(ctx, db, e, ended)
	cancel()
	beating.Wait()
	h.setEngine(nil)
	h.log.Info("Deciding no more credits")
}

// watch looks after a running engine, and returns when it has ended.
func (h *host) watch(ctx context.Context, db *postgres.DB, e *engine.Engine, ended <-chan error) {
	var last error
	failed := 0
	for {
		select {
		case err := <-ended:
			if err != nil {
				h.log.Info("The engine has ended", "reason", err)
			}
			return
		case <-h.suspected:
			h.observe(ping(ctx, db))
			continue
		case <-time.After(jittered(watchInterval)):
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
			c.engine, c.resync = nil, e.ResyncErr()
			if failed >= patience && !cutsOff(postgres.Classify(failure)) {
				c.engine = failure
			}
		})
		last = failure
	}
}

// heartbeats shows that the owner is alive. It ends the engine when the schema has become another's, or was migrated to
// versions that this binary does not know.
func (h *host) heartbeats(ctx context.Context, end context.CancelFunc, db *postgres.DB, identity database.Identity) {
	for pause(ctx, jittered(heartbeatInterval)) {
		may, err := mayServe(ctx, db, identity)
		h.observe(err)
		if err == nil && !may {
			end()
		}
	}
}

func ping(ctx context.Context, db *postgres.DB) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return db.Ping(ctx)
}

// setEngine notes the engine that runs; nil: none does.
func (h *host) setEngine(e *engine.Engine) {
	h.mu.Lock()
	h.engine = e
	h.mu.Unlock()
	h.change(func(c *condition) {
		c.engine, c.resync = nil, nil
		switch {
		case e != nil:
			c.phase = Serving
		case c.phase == Serving: // and not Connecting to something else by now
			c.phase = Connected
		}
	})
}

// jittered spreads an interval by a tenth to either side, so that replicas do not march in step.
func jittered(interval time.Duration) time.Duration {
	return interval - interval/10 + rand.N(interval/5)
}
