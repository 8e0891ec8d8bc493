package hosting

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Phase says how far a host has come.
type Phase string

const (
	Connecting Phase = "Connecting" // no connection has been made under the present settings
	Connected  Phase = "Connected"  // connected; the schema is not ours, or not of our versions
	Serving    Phase = "Serving"    // the engine runs
)

// State is what a host has come to.
type State struct {
	// Source of the settings in use, or of those that could not be had.
	Source Source
	Phase  Phase

	// Refusal is why the newest settings cannot be had; what is hosted under earlier ones goes on.
	Refusal error

	// Fault is why the database cannot be used, or why the engine makes no progress; nil: neither is known.
	Fault error

	// ResyncFault is why resyncs make no progress while batches do; nil: they do, as far as is known.
	ResyncFault error
}

// Reasons why a database cannot be used beside what the database itself says.
var (
	ErrNotHosted  = errors.New("this replica has not been told about the database yet")
	ErrConnecting = errors.New("the first connection to the database is being made")
	ErrNotServing = errors.New("the schema has not been prepared yet")
	ErrBusy       = errors.New("the database is being used by others")
)

// cutsOff says whether an error of this class makes every further attempt useless until the database answers again.
func cutsOff(class postgres.Class) bool {
	switch class {
	case postgres.ClassUnreachable, postgres.ClassCertificateNotTrusted, postgres.ClassAuthenticationFailed,
		postgres.ClassDatabaseNotFound:
		return true
	default:
		return false
	}
}

// condition is what a host keeps its State in, and the circuit that keeps others from waiting for a dead database: a use
// that shows that the database is cut off opens it, and the next use that shows the contrary, by whomever, closes it.
// Guarded by the host's mutex.
type condition struct {
	phase   Phase
	refusal error
	outage  error // opens the circuit
	engine  error // the engine fails again and again although the database answers
	resync  error // resyncs fail again and again
}

func (c *condition) fault() error {
	if c.outage != nil {
		return c.outage
	}
	return c.engine
}

// looksLike says whether a person would be told the same about both.
func (c *condition) looksLike(other condition) bool {
	return c.phase == other.phase && alike(c.refusal, other.refusal) && alike(c.fault(), other.fault()) && alike(c.resync, other.resync)
}

func alike(a, b error) bool {
	if a == nil || b == nil {
		return (a == nil) == (b == nil)
	}
	return a.Error() == b.Error() || postgres.Classify(a) == postgres.Classify(b) && postgres.Classify(a) != postgres.ClassUnknown
}

// observe takes the outcome of a use of the database into account. Whoever gave up by himself has learnt nothing.
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

// cut opens the circuit. The settings may be what is wrong, so they are doubted: when the database was fine until now, and
// each time that it refuses the password.
func (h *host) cut(err error) {
	doubted := postgres.Classify(err) == postgres.ClassAuthenticationFailed
	h.change(func(c *condition) {
		doubted = doubted || c.outage == nil
		c.outage = err
	})
	if doubted {
		h.registry.doubted.Add(h.name)
	}
}

// change alters the host's condition, and tells when that can be seen from outside.
func (h *host) change(alter func(*condition)) {
	h.mu.Lock()
	was := h.condition
	alter(&h.condition)
	same := h.condition.looksLike(was)
	h.mu.Unlock()
	if !same {
		h.registry.changes.Add(h.name)
	}
}

// State returns what the host of this name has come to; where there is none, its Fault is ErrNotHosted.
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

		ResyncFault: h.condition.resync,
	}
}
