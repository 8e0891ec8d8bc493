package hosting

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/quota"
)

const (
	// answerTimeout bounds a small query.
	answerTimeout = 5 * time.Second

	// panicPause is how long a host waits after a panic outside of its engine.
	panicPause = 5 * time.Second

	// slots is how many reconciles may use one database at a time: enough to keep it busy, and few
	// of all workers.
	slots = 2
)

// host is one database in this process: what is known of it, and the goroutine that connects to it
// and serves it.
type host struct {
	registry *Registry
	name     types.NamespacedName
	log      *slog.Logger
	end      context.CancelFunc // ends run; nil: run has not been started; guarded by the registry's mutex

	recheck   chan struct{} // asks to check at once whether the schema may be served
	suspected chan struct{} // asks to check at once whether the database answers
	slots     chan struct{}

	mu         sync.Mutex
	source     Source
	config     *Config            // the newest; nil: not known yet
	configured chan struct{}      // has a value when the config in use is not the newest
	interrupt  context.CancelFunc // ends the use of an older config; nil: none is in use
	db         *postgres.DB       // nil: not connected
	using      context.Context    // ends before db is closed; nil: not connected
	engine     *engine.Engine     // nil: not running
	condition  condition
	place      database.Place // of the engine that ran last
	report     *report        // nil: none was read
	unreported bool           // there was no memory for the newest report
	dropped    bool           // no report is kept any more
	slowAt     time.Time      // when the last slow use ended; zero: there was none

	reportMemory quota.Kept // of report

	heartbeatAt time.Time // when the owner's last heartbeat was recorded; zero: never, or there is another owner now
}

func newHost(r *Registry, name types.NamespacedName) *host {
	return &host{
		registry:   r,
		name:       name,
		log:        r.options.Log.With("attributionDatabase", name.String()),
		recheck:    make(chan struct{}, 1),
		suspected:  make(chan struct{}, 1),
		slots:      make(chan struct{}, slots),
		configured: make(chan struct{}, 1),
		condition:  condition{phase: Connecting, awaySince: time.Now()},

		reportMemory: reportMemory.Keep(name.Namespace),
	}
}

func (h *host) configure(config Config) {
	h.mu.Lock()
	news := h.source != config.Source || h.condition.refusal != nil
	h.source = config.Source
	same := h.config != nil && h.config.sameConnection(config)
	if h.config != nil && h.config.Identity != config.Identity {
		h.heartbeatAt = time.Time{} // another object has not owned the schema yet
	}
	shows := h.alter(func(c *condition) {
		c.refusal = nil
		if !same {
			*c = condition{phase: Connecting}
		}
	})
	if !same {
		h.config = &config
		if h.interrupt != nil {
			h.interrupt()
		}
		signal(h.configured)
	}
	h.mu.Unlock()
	if news || shows {
		h.registry.changes.Add(h.name) // a reconcile waits for this source, even if nothing else has changed
	}
}

func (h *host) refuse(source Source, reason error) {
	h.mu.Lock()
	news := h.source != source
	h.source = source
	h.mu.Unlock()
	h.change(func(c *condition) { c.refusal = reason })
	if news {
		h.registry.changes.Add(h.name)
	}
}

// run connects and serves under the newest config, one after the other, until ctx ends.
func (h *host) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.configured:
		}
		use, interrupt := context.WithCancel(ctx)
		h.mu.Lock()
		config := *h.config
		h.interrupt = interrupt
		h.mu.Unlock()
		err := engine.Contain(func() error { h.connectAndServe(use, config); return nil })
		if err != nil {
			h.failed(err)
			pause(use, panicPause)
			signal(h.configured) // serve again
		}
		interrupt()
	}
}

// connectAndServe connects and serves until ctx ends, and closes what it opened.
func (h *host) connectAndServe(ctx context.Context, config Config) {
	config.Database.Tenant = h.name.Namespace
	db := h.connect(ctx, config.Database)
	if db == nil {
		return
	}
	h.mu.Lock()
	h.db, h.using = db, ctx
	h.mu.Unlock()
	h.change(func(c *condition) { c.phase, c.outage = Connected, nil })
	defer func() {
		h.mu.Lock()
		h.db, h.using = nil, nil
		h.mu.Unlock()
		db.Close() // waits for uses of its connections, which are bounded to seconds
		h.log.Info("Closed the connections to the database")
	}()
	h.log.Info("Connected to the database")
	h.serve(ctx, db, config.Identity)
}

// failed records that work for the database panicked.
func (h *host) failed(err error) {
	if panicked, ok := errors.AsType[*engine.PanicError](err); ok {
		h.log.Error("A task of the database panicked", "panic", panicked.Value, "stack", string(panicked.Stack))
	}
	h.change(func(c *condition) { c.engine = err })
}

// connect retries until it has a connection; nil: ctx ended first.
func (h *host) connect(ctx context.Context, config postgres.Config) *postgres.DB {
	delay := newBackoff()
	for {
		db, err := open(ctx, config)
		if err == nil {
			return db
		}
		if ctx.Err() != nil {
			return nil
		}
		h.cut(err) // of whatever class: there is no connection
		h.registry.metrics.Failed(err)
		wait := delay.NextBackOff()
		h.log.Info("Cannot connect to the database",
			"reason", postgres.Message(err), "retryIn", wait.Round(time.Millisecond))
		if !pause(ctx, wait) {
			return nil
		}
	}
}

// open opens a pool on a server that can hold an attribution database. Facts that row-level security
// hides would count as deleted, and their credits would be reversed.
func open(ctx context.Context, config postgres.Config) (*postgres.DB, error) {
	config.AllRows = true
	db, err := postgres.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if err := db.CheckServer(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// newBackoff waits 200 ms at first and 5 s at most, jittered, without end: a cure has to show
// within seconds.
func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 200 * time.Millisecond
	b.MaxInterval = 5 * time.Second
	return b
}

// pause reports whether it has waited to the end; false: ctx ended first.
func pause(ctx context.Context, wait time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
		return true
	}
}
