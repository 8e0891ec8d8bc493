package hosting

import (
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/quota"
)

// quietLifetime is how long a report of an idle database is used: the longest time that a change by
// another replica, which this engine does not notice, is missing from it.
const quietLifetime = 2 * time.Minute

// report is the newest status that was read from a database.
type report struct {
	status database.Status
	at     time.Time
	moment Moment // before it was read
}

// Moment is an engine and the number of what it had noticed at a moment. If two moments are equal,
// the engine noticed nothing in between.
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

// moment also returns whether the engine is idle, and so notices each change at once.
func (h *host) moment() (moment Moment, idle bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	moment.engine = h.engine
	if h.engine != nil && h.condition.outage == nil {
		moment.activity, idle = h.engine.Activity()
	}
	return moment, idle
}

// ErrReportsInUse reports that there is no memory for the report of another database of a
// namespace.
var ErrReportsInUse = errors.New("the memory for counters is used up, since the databases of this namespace have too many campaigns: " +
	"use fewer databases in one namespace, or remove the rows of table campaign that no ReferralCampaign declares")

// reportMemory is what the reports of this process have reserved. A tenant has half of what the
// others leave, so that there is always something left for the next one.
var reportMemory = quota.New(func(others int) int { return (reportBytes - others) / 2 })

const reportBytes = 48 << 20 // some 50,000 campaigns beside the first 150 of each database

// SetReport keeps the status that was read from a database after a moment, for Report, instead of
// the one before. It returns ErrReportsInUse if there is no memory for it; then the database has no
// report, since the one before is out of date. State says so until a later status is kept.
func (r *Registry) SetReport(name types.NamespacedName, status database.Status, moment Moment) error {
	h := r.find(name)
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dropped {
		return nil
	}
	h.unreported = !h.reportMemory.Grow(status.Bytes)
	if h.unreported {
		h.report = nil
		h.reportMemory.Shrink(0)
		return ErrReportsInUse
	}
	h.report = &report{status: status, at: time.Now(), moment: moment}
	h.reportMemory.Shrink(status.Bytes)
	return nil
}

// forgetReport drops the report, if there is one.
func (h *host) forgetReport() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.report, h.unreported = nil, false
	h.reportMemory.Shrink(0)
}

// drop makes the host keep nothing any more.
func (h *host) drop() {
	h.mu.Lock()
	h.dropped = true
	h.mu.Unlock()
	h.forgetReport()
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
			h.forgetReport()
		}
	}
}
