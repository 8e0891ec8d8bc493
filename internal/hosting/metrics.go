package hosting

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/referral-operator/referral-operator/internal/engine"
)

// metrics reads the hosts at each scrape, so that nothing has to be removed when a host is dropped.
// A host has five series; what only the leader knows of a database is in package controllers.
type metrics struct {
	registry *Registry

	running, batches, connections, heartbeat *prometheus.Desc
}

// Metrics returns a collector of this process' engines: their flows, and for each
// AttributionDatabase whether its engine runs and how it gets on.
func (r *Registry) Metrics() prometheus.Collector {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("referral_"+name, help, append([]string{"namespace", "database"}, labels...), nil)
	}
	return &metrics{
		registry: r,
		running:  describe("engine_running", "1 while an engine of this replica runs on the database, else 0. On a suspended database the engine runs and decides nothing."),
		batches: describe("engine_batches_total",
			"Batches that this replica committed (Committed), and batches and steps of resyncs that were rolled back (RolledBack).", "result"),
		connections: describe("database_connections_used_ratio",
			"Connections of this replica in use, as a part of spec.maxConnections. Absent without a connection."),
		heartbeat: describe("database_ownership_heartbeat_timestamp_seconds",
			"When this replica last recorded that the owner of the schema is alive, as seconds since 1970. When the newest of all "+
				"replicas' heartbeats is five minutes old, an object of the same name in the same installation, as in a rebuilt cluster, takes over."),
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, description := range []*prometheus.Desc{m.running, m.batches, m.connections, m.heartbeat} {
		descriptions <- description
	}
	for _, collector := range m.registry.metrics.collectors() {
		collector.Describe(descriptions)
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(samples chan<- prometheus.Metric) {
	for _, collector := range m.registry.metrics.collectors() {
		collector.Collect(samples)
	}
	for _, name := range m.registry.Names() {
		if h := m.registry.find(name); h != nil {
			m.collectHost(h, samples)
		}
	}
}

func (m *metrics) collectHost(h *host, samples chan<- prometheus.Metric) {
	h.mu.Lock()
	running, db, heartbeatAt := h.engine, h.db, h.heartbeatAt
	h.mu.Unlock()
	send := func(description *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		samples <- prometheus.MustNewConstMetric(description, kind, value,
			append([]string{h.name.Namespace, h.name.Name}, labels...)...)
	}
	var stats engine.Stats
	decides := 0.0
	if running != nil {
		decides, stats = 1, running.Stats()
	}
	send(m.running, prometheus.GaugeValue, decides)
	send(m.batches, prometheus.CounterValue, float64(stats.Batches), "Committed")
	send(m.batches, prometheus.CounterValue, float64(stats.Failures), "RolledBack")
	if db != nil {
		connections := db.Stat()
		send(m.connections, prometheus.GaugeValue, float64(connections.AcquiredConns())/float64(connections.MaxConns()))
	}
	if !heartbeatAt.IsZero() {
		send(m.heartbeat, prometheus.GaugeValue, float64(heartbeatAt.UnixMilli())/1000)
	}
}
