package hosting

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
)

// reportLifetime is how long metrics show a report. An older one is out of date: another replica
// leads and reads its own.
const reportLifetime = 5 * time.Minute

// report is the newest status that was read from a database.
type report struct {
	status database.Status
	at     time.Time
}

// SetReport keeps the status that was read from a database, for Report and for metrics.
func (r *Registry) SetReport(name types.NamespacedName, status database.Status) {
	if h := r.find(name); h != nil {
		h.mu.Lock()
		h.report = &report{status: status, at: time.Now()}
		h.mu.Unlock()
	}
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
