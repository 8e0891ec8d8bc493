package hosting

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/referral-operator/referral-operator/internal/engine"
)

// metrics reads the hosts at each scrape, so that nothing has to be removed when a host is dropped.
type metrics struct {
	registry *Registry

	serving, pending, oldest, setAside                   *prometheus.Desc
	batches, referees, entries, failures, refereesFailed *prometheus.Desc
}

// Metrics returns a collector of all hosts, labelled with namespace and name of their
// AttributionDatabase.
func (r *Registry) Metrics() prometheus.Collector {
	describe := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("referral_operator_"+name, help, []string{"namespace", "name"}, nil)
	}
	return &metrics{
		registry: r,
		serving:  describe("engine_running", "1 while this replica decides credits in the database, else 0."),
		pending:  describe("pending_changes", "Changes of facts waiting to be decided, counted up to 10,000."),
		oldest:   describe("oldest_pending_change_seconds", "Age of the oldest change of facts waiting to be decided."),
		setAside: describe("set_aside_referees", "Referees whose facts could not be decided."),
		batches:  describe("engine_batches_total", "Batches this replica committed."),
		referees: describe("engine_referees_total", "Referees this replica decided in committed batches."),
		entries:  describe("engine_ledger_entries_total", "Ledger entries this replica appended."),
		failures: describe("engine_batch_failures_total", "Batches of this replica that were rolled back."),
		refereesFailed: describe("engine_set_aside_total",
			"Referees this replica set aside because their facts could not be decided."),
	}
}

func (m *metrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, description := range []*prometheus.Desc{
		m.serving, m.pending, m.oldest, m.setAside,
		m.batches, m.referees, m.entries, m.failures, m.refereesFailed,
	} {
		descriptions <- description
	}
}

func (m *metrics) Collect(samples chan<- prometheus.Metric) {
	for _, name := range m.registry.Names() {
		if h := m.registry.find(name); h != nil {
			m.collectHost(h, samples)
		}
	}
}

func (m *metrics) collectHost(h *host, samples chan<- prometheus.Metric) {
	h.mu.Lock()
	running, report := h.engine, h.report
	h.mu.Unlock()
	send := func(description *prometheus.Desc, kind prometheus.ValueType, value float64) {
		samples <- prometheus.MustNewConstMetric(description, kind, value, h.name.Namespace, h.name.Name)
	}
	var stats engine.Stats
	if running == nil {
		send(m.serving, prometheus.GaugeValue, 0)
	} else {
		send(m.serving, prometheus.GaugeValue, 1)
		stats = running.Stats()
	}
	send(m.batches, prometheus.CounterValue, float64(stats.Batches))
	send(m.referees, prometheus.CounterValue, float64(stats.Referees))
	send(m.entries, prometheus.CounterValue, float64(stats.Entries))
	send(m.failures, prometheus.CounterValue, float64(stats.Failures))
	send(m.refereesFailed, prometheus.CounterValue, float64(stats.SetAside))

	if report == nil || time.Since(report.at) > reportLifetime {
		return
	}
	var oldest float64
	if since := report.status.OldestPendingChange; !since.IsZero() {
		oldest = time.Since(since).Seconds()
	}
	send(m.pending, prometheus.GaugeValue, float64(report.status.PendingChanges))
	send(m.oldest, prometheus.GaugeValue, oldest)
	send(m.setAside, prometheus.GaugeValue, float64(report.status.SetAside))
}
