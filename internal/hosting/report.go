package hosting

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
)

// quietLifetime is how long a report of an idle database is used. It bounds how long what another
// replica does unnoticed stays out of it.
const quietLifetime = 2 * time.Minute

// report is the newest status that was read from a database.
type report struct {
	status database.Status
	at     time.Time
	moment Moment // before it was read
}

// Moment is what the engine of a database had noticed at a moment.
type Moment struct {
	engine   *engine.Engine // nil: none ran
	activity uint64
}

// Moment returns the present moment of a database. Take it before reading a status.
func (r *Registry) Moment(name types.NamespacedName) Moment {
	h := r.find(name)
	if h == nil {
		return Moment{}
	}
	moment, _ := h.moment()
	return moment
}

// moment also returns whether the engine notices all that happens.
func (h *host) moment() (moment Moment, idle bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	moment.engine = h.engine
	if h.engine != nil && h.condition.outage == nil {
		moment.activity, idle = h.engine.Activity()
	}
	return moment, idle
}

// SetReport keeps the status that was read from a database after a moment, for Report.
func (r *Registry) SetReport(name types.NamespacedName, status database.Status, moment Moment) {
	if h := r.find(name); h != nil {
		h.mu.Lock()
		h.report = &report{status: status, at: time.Now(), moment: moment}
		h.mu.Unlock()
	}
}

// QuietReport returns the newest status that was read from a database if the database is idle and
// the engine has noticed nothing since. Then it need not be read again.
func (r *Registry) QuietReport(name types.NamespacedName) (database.Status, bool) {
	h := r.find(name)
	if h == nil {
		return database.Status{}, false
	}
	moment, idle := h.moment()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !idle || h.report == nil || h.report.moment != moment || time.Since(h.report.at) > quietLifetime {
		return database.Status{}, false
	}
	return h.report.status, true
}

// Report returns the newest status that was read from a database; false: none was read.
func (r *Registry) Report(name types.NamespacedName) (database.Status, bool) {
	h := r.find(name)
	if h == nil {
		return database.Status{}, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.report == nil {
		return database.Status{}, false
	}
	return h.report.status, true
}

// ForgetReports drops all reports. A new leader calls it, since another replica may have changed
// what they say.
func (r *Registry) ForgetReports() {
	for _, name := range r.Names() {
		if h := r.find(name); h != nil {
			h.mu.Lock()
			h.report = nil
			h.mu.Unlock()
		}
	}
}
