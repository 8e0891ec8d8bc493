package hosting

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
)

// reportLifetime is how long a report stands for the present in metrics. Where another replica reports meanwhile, what
// was last reported here is history.
const reportLifetime = 5 * time.Minute

// report is what was last read of a database.
type report struct {
	status database.Status
	at     time.Time
}

// SetReport keeps what was read of a database for whoever shows it.
func (r *Registry) SetReport(name types.NamespacedName, status database.Status) {
	if h := r.find(name); h != nil {
		h.mu.Lock()
		h.report = &report{status: status, at: time.Now()}
		h.mu.Unlock()
	}
}

// Report returns what was last read of a database; false: nothing was.
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

// ForgetReports is for whoever begins to read anew: what was reported here before may have been overtaken elsewhere.
func (r *Registry) ForgetReports() {
	for _, name := range r.Names() {
		if h := r.find(name); h != nil {
			h.mu.Lock()
			h.report = nil
			h.mu.Unlock()
		}
	}
}
