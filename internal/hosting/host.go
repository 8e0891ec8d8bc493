package hosting

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// connectTimeout bounds one attempt to connect, over all hosts that the URI names.
	connectTimeout = 30 * time.Second

	// answerTimeout is how long a database may take to answer something small.
	answerTimeout = 5 * time.Second

	// slots is how many controllers may use one database at a time: enough to keep it busy, and far from all of them.
	slots = 2
)

// host is one database in this process: what is known of it, and the goroutine that connects and serves.
type host struct {
	registry *Registry
	name     types.NamespacedName
	log      *slog.Logger
	end      context.CancelFunc // of run

	recheck   chan struct{} // asks to look at once whether the schema may be served
	suspected chan struct{} // asks to look at once whether the database answers
	slots     chan struct{}

	mu         sync.Mutex
	source     Source
	config     *Config            // nil: not known yet
	configured chan struct{}      // has a value when config is not the one being attended to
	interrupt  context.CancelFunc // ends attending to the config before; nil: none is
	db         *postgres.DB       // nil: not connected
	engine     *engine.Engine     // nil: not running
	condition  condition
	report     *report // nil: nothing was read
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
		condition:  condition{phase: Connecting},
	}
}

func (h *host) configure(config Config) {
	h.mu.Lock()
	news := h.source != config.Source || h.condition.refusal != nil
	h.source = config.Source
	same := h.config != nil && h.config.sameConnection(config)
	if !same {
		h.config = &config
		if h.interrupt != nil {
			h.interrupt()
		}
		signal(h.configured)
	}
	h.mu.Unlock()
	h.change(func(c *condition) {
		c.refusal = nil
		if !same {
			c.phase, c.outage, c.engine, c.resync = Connecting, nil, nil, nil
		}
	})
	if news {
		h.registry.changes.Add(h.name) // somebody waits for this source, even where nothing else changed
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

// run attends to the config there is, until ctx ends.
func (h *host) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.configured:
		}
		attention, interrupt := context.WithCancel(ctx)
		h.mu.Lock()
		config := *h.config
		h.interrupt = interrupt
		h.mu.Unlock()
		h.attend(attention, config)
		interrupt()
	}
}

// attend connects and serves until ctx ends, and closes what it opened.
func (h *host) attend(ctx context.Context, config Config) {
	db := h.connect(ctx, config.Database)
	if db == nil {
		return
	}
	h.mu.Lock()
	h.db = db
	h.mu.Unlock()
	h.change(func(c *condition) { c.phase, c.outage = Connected, nil })
	h.log.Info("Connected to the database")

	h.serve(ctx, db, config.Identity)

	h.mu.Lock()
	h.db = nil
	h.mu.Unlock()
	db.Close() // waits for whoever still uses a connection, who has seconds
	h.log.Info("Closed the connections to the database")
}

// connect tries until it has a connection, or until ctx ends, which returns nil.
func (h *host) connect(ctx context.Context, config postgres.Config) *postgres.DB {
	delay := newBackoff()
	for {
		attempt, cancel := context.WithTimeout(ctx, connectTimeout)
		db, err := postgres.Open(attempt, config)
		cancel()
		if err == nil {
			return db
		}
		if ctx.Err() != nil {
			return nil
		}
		h.cut(err) // whatever it was: there is no connection
		wait := delay.NextBackOff()
		h.log.Info("Could not connect to the database",
			"reason", postgres.Message(err), "retryIn", wait.Round(time.Millisecond))
		if !pause(ctx, wait) {
			return nil
		}
	}
}

// newBackoff waits 200 ms at first and 5 s at most, jittered, for ever: what is put right has to show within seconds.
func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 200 * time.Millisecond
	b.MaxInterval = 5 * time.Second
	return b
}

// pause waits and returns true, or false when ctx ends first.
func pause(ctx context.Context, wait time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
		return true
	}
}
