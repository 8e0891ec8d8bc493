package hosting

import (
	"context"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Options hold for every host of a Registry.
type Options struct {
	Workers      int           // of each engine
	PollInterval time.Duration // of each engine
	Log          *slog.Logger
}

// Config is all that a host follows from.
type Config struct {
	Source   Source            // the object that says so
	Identity database.Identity // whose schema it has to be
	Database postgres.Config
}

// Source is one version of an AttributionDatabase.
type Source struct {
	UID        string
	Generation int64
}

// sameConnection says whether both lead to the same use of the same database.
func (c Config) sameConnection(other Config) bool {
	return c.Identity == other.Identity && reflect.DeepEqual(c.Database, other.Database)
}

// Registry holds the hosts of this process by the name of their AttributionDatabase.
type Registry struct {
	options Options
	changes *Feed
	doubted *Feed

	ctx     context.Context // of all hosts; ends with Close
	end     context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	hosts map[types.NamespacedName]*host
}

// NewRegistry returns a registry without hosts. Close ends it.
func NewRegistry(options Options) *Registry {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	r := &Registry{
		options: options,
		changes: NewFeed(),
		doubted: NewFeed(),
		hosts:   map[types.NamespacedName]*host{},
	}
	r.ctx, r.end = context.WithCancel(context.Background()) //nolint:forbidigo // hosts outlive whoever asks for them; Close ends them
	return r
}

// Changes names the hosts whose State is another than it was.
func (r *Registry) Changes() *Feed { return r.changes }

// Doubted names the hosts whose settings may be out of date: the server has just refused the user or password (SQLSTATE
// class 28), or has become of no use otherwise.
func (r *Registry) Doubted() *Feed { return r.doubted }

// Ensure has the database hosted as config says. It returns at once: connecting happens in the background and shows in
// State. Repeating it with an equal config does nothing; with another, the engine is ended and the pool closed before
// the new one is opened.
func (r *Registry) Ensure(name types.NamespacedName, config Config) {
	if h := r.obtain(name); h != nil {
		h.configure(config)
	}
}

// Refuse notes why the settings that this source asks for cannot be had. What is hosted under earlier ones goes on.
func (r *Registry) Refuse(name types.NamespacedName, source Source, reason error) {
	if h := r.obtain(name); h != nil {
		h.refuse(source, reason)
	}
}

// Drop ends a host: its engine, then its connections. It does not wait for that.
func (r *Registry) Drop(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h, ok := r.hosts[name]; ok {
		delete(r.hosts, name)
		h.end()
	}
}

// Names returns what is hosted.
func (r *Registry) Names() []types.NamespacedName {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.hosts))
}

// Close ends all hosts and returns when they have ended, or when ctx has.
func (r *Registry) Close(ctx context.Context) error {
	r.mu.Lock()
	r.end()
	r.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		r.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find returns a host; nil: there is none.
func (r *Registry) find(name types.NamespacedName) *host {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hosts[name]
}

// obtain returns a host that runs; nil once the registry is closed.
func (r *Registry) obtain(name types.NamespacedName) *host {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return nil
	}
	h, ok := r.hosts[name]
	if !ok {
		h = newHost(r, name)
		r.hosts[name] = h
		ctx, cancel := context.WithCancel(r.ctx)
		h.end = cancel
		r.running.Go(func() { h.run(ctx) })
	}
	return h
}
