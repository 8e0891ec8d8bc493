package hosting

import (
	"context"
	"errors"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Phase is how far a host has come.
type Phase string

const (
	Connecting Phase = "Connecting" // no connection has been made under the present settings
	Connected  Phase = "Connected"  // connected; the schema has another owner or other versions
	Serving    Phase = "Serving"    // the engine runs
)

// State is what is known of a host.
type State struct {
	// Source is where the newest settings come from, refused or not.
	Source Source
	Phase  Phase

	// Refusal is why the newest settings cannot be used; a host under earlier settings goes on.
	// nil: they can.
	Refusal error

	// Fault is why the database cannot be used, or why the engine makes no progress; nil: no such
	// fault is known.
	Fault error

	// ResyncFault is why resyncs make no progress while batches do; nil: no such fault is known.
	ResyncFault error

	// ReversalFaults are, by campaign, why its reversal makes no progress, or which credits it cannot
	// take back. They are not to be changed.
	ReversalFaults map[string]error

	// AwaySince is since when there is no connection, or the database does not answer; zero: it
	// answers, as far as is known.
	AwaySince time.Time

	// Unreported reports whether there was no memory for the newest status that was read from the
	// database, so that Report has none.
	Unreported bool
}

// Reasons why a database cannot be used, beside its own errors.
var (
	ErrNotHosted  = errors.New("this replica does not know the database yet")
	ErrConnecting = errors.New("the first connection to the database is being made")
	ErrNotServing = errors.New("the schema is not migrated yet, or has another owner")
	ErrBusy       = errors.New("the operator is busy with other objects of this database, and this object waits for its turn")
	ErrSlow       = errors.New("the database is slow, and the operator serves other slow databases first: find out why the database is slow")
)

// cutsOff reports whether, after an error of this class, every use fails until the database answers
// again.
func cutsOff(class postgres.Class) bool {
	switch class {
	case postgres.ClassUnreachable, postgres.ClassUnsupportedServer, postgres.ClassCertificateNotTrusted,
		postgres.ClassAuthenticationFailed, postgres.ClassDatabaseNotFound:
		return true
	default:
		return false
	}
}

// condition is what a host keeps its State in. Its outage is a circuit breaker that spares
// reconciles the wait for a dead database: a use that finds the database cut off opens it, and the
// next use that succeeds closes it. Guarded by the host's mutex.
type condition struct {
	phase   Phase
	refusal error
	outage  error // opens the circuit
	engine  error // the engine fails again and again although the database answers
	resync  error // resyncs fail again and again

	reversals map[string]error // by campaign: its reversal fails

	awaySince time.Time // set by change
}

func (c *condition) fault() error {
	if c.outage != nil {
		return c.outage
	}
	return c.engine
}

// looksLike reports whether both would show the same in conditions.
func (c *condition) looksLike(other condition) bool {
	return c.phase == other.phase && alike(c.refusal, other.refusal) && alike(c.fault(), other.fault()) && alike(c.resync, other.resync) &&
		maps.EqualFunc(c.reversals, other.reversals, alike)
}

func alike(a, b error) bool {
	if a == nil || b == nil {
		return (a == nil) == (b == nil)
	}
	return a.Error() == b.Error() || postgres.Classify(a) == postgres.Classify(b) && postgres.Classify(a) != postgres.ClassUnknown
}

// observe records the outcome of a use of the database. A use that was cancelled shows nothing.
func (h *host) observe(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	if err != nil && cutsOff(postgres.Classify(err)) {
		h.cut(err)
		return
	}
	h.change(func(c *condition) { c.outage = nil })
}

// cut opens the circuit. The cause may be outdated settings, so the Secret is read again if the
// circuit was closed until now. While it stays open, the reader of Secrets comes back by itself.
func (h *host) cut(err error) {
	opened := false
	h.change(func(c *condition) {
		opened = c.outage == nil
		c.outage = err
	})
	if opened {
		h.registry.doubted.Add(h.name)
	}
}

// change alters the host's condition, and wakes the reconciler if that shows.
func (h *host) change(alter func(*condition)) {
	h.mu.Lock()
	shows := h.alter(alter)
	h.mu.Unlock()
	if shows {
		h.registry.changes.Add(h.name)
	}
}

// alter alters the host's condition, and reports whether that shows. The host's mutex must be
// locked.
func (h *host) alter(alter func(*condition)) (shows bool) {
	was := h.condition
	alter(&h.condition)
	switch away := h.condition.phase == Connecting || h.condition.outage != nil; {
	case !away:
		h.condition.awaySince = time.Time{}
	case h.condition.awaySince.IsZero():
		h.condition.awaySince = time.Now()
	}
	return !h.condition.looksLike(was)
}

// State returns what is known of a host. Without a host, its Fault is ErrNotHosted.
func (r *Registry) State(name types.NamespacedName) State {
	h := r.find(name)
	if h == nil {
		return State{Phase: Connecting, Fault: ErrNotHosted}
	}
	return h.state()
}

func (h *host) state() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return State{
		Source:  h.source,
		Phase:   h.condition.phase,
		Refusal: h.condition.refusal,
		Fault:   h.condition.fault(),

		ResyncFault:    h.condition.resync,
		ReversalFaults: h.condition.reversals,
		AwaySince:      h.condition.awaySince,
		Unreported:     h.unreported,
	}
}
