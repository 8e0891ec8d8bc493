package hosting

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Options hold for every host of a Registry.
type Options struct {
	Workers          int           // of each engine
	PollInterval     time.Duration // of each engine
	IdlePollInterval time.Duration // of the engines of all replicas on one database
	Reconcilers      int           // workers of each controller that uses databases
	Log              *slog.Logger
}

// Config is everything that determines a host.
type Config struct {
	Source   Source            // the object that it comes from
	Identity database.Identity // the owner of the schema that may be served
	Database postgres.Config
}

// Source is one version of an AttributionDatabase.
type Source struct {
	UID        string
	Generation int64
}

// sameConnection reports whether both lead to the same use of the same database.
func (c Config) sameConnection(other Config) bool {
	return c.Identity == other.Identity && reflect.DeepEqual(c.Database, other.Database)
}

// Registry holds the hosts of this process by the name of their AttributionDatabase. Hosts connect
// and serve while Run runs.
type Registry struct {
	options Options
	replica string       // names this registry among those of other replicas
	pace    *engine.Pace // of all engines
	changes *Feed
	doubted *Feed
	metrics *engineMetrics

	slowPrepares *slowSlots
	slowUses     *slowSlots

	added chan struct{} // has a value when a host may not have been started

	mu    sync.Mutex
	hosts map[types.NamespacedName]*host
}

// NewRegistry returns a registry without hosts.
func NewRegistry(options Options) *Registry {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &Registry{
		options: options,
		replica: rand.Text(),
		pace:    &engine.Pace{},
		changes: NewFeed(),
		doubted: NewFeed(),
		metrics: newEngineMetrics(),
		added:   make(chan struct{}, 1),
		hosts:   map[types.NamespacedName]*host{},

		slowPrepares: newSlowSlots(options.Reconcilers),
		slowUses:     newSlowSlots(options.Reconcilers),
	}
}

// Run starts each host once it is added. When ctx ends it ends all hosts, and returns nil when
// their engines have stopped and their connections are closed. A host that is added after that is
// not started. Run must not be called twice.
func (r *Registry) Run(ctx context.Context) error {
	var hosts sync.WaitGroup
	defer hosts.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.added:
			r.startAdded(ctx, &hosts)
		}
	}
}

// startAdded starts the hosts that have not been started.
func (r *Registry) startAdded(ctx context.Context, hosts *sync.WaitGroup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.hosts {
		if h.end != nil {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		h.end = cancel
		hosts.Go(func() {
			defer cancel()
			h.run(ctx)
		})
	}
}

// Changes feeds the names of hosts whose State has changed.
func (r *Registry) Changes() *Feed { return r.changes }

// Doubted feeds the names of hosts whose settings may be out of date, since their database has
// become unusable: each name once, until the database can be used again or has other settings.
func (r *Registry) Doubted() *Feed { return r.doubted }

// Ensure has the database hosted as config says. It returns at once: the host connects in its own
// goroutine, and State shows how far it is. An equal config changes nothing. Under another one the
// host ends its engine and closes its pool before it opens a new one.
func (r *Registry) Ensure(name types.NamespacedName, config Config) {
	r.obtain(name).configure(config)
}

// Refuse records why the settings of this source cannot be used. A host under earlier settings goes
// on.
func (r *Registry) Refuse(name types.NamespacedName, source Source, reason error) {
	r.obtain(name).refuse(source, reason)
}

// Drop ends a host, its engine first and then its connections. It does not wait for the end.
func (r *Registry) Drop(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h, ok := r.hosts[name]; ok {
		delete(r.hosts, name)
		h.drop()
		if h.end != nil {
			h.end()
		}
	}
}

// Names returns the names of all hosts.
func (r *Registry) Names() []types.NamespacedName {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.hosts))
}

// find returns a host; nil: there is none.
func (r *Registry) find(name types.NamespacedName) *host {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hosts[name]
}

// obtain returns the host of this name, and adds it if there is none.
func (r *Registry) obtain(name types.NamespacedName) *host {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, ok := r.hosts[name]
	if !ok {
		h = newHost(r, name)
		r.hosts[name] = h
		signal(r.added)
	}
	return h
}
