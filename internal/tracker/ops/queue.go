package ops

import "github.com/prometheus/client_golang/prometheus"

// Queue reads the counters and depth of a queue of touches when the metrics are scraped.
type Queue struct {
	Written, Shed, Refused func() uint64
	Depth                  func() int
}

// WatchQueue shows the queue of touches.
func (m *Metrics) WatchQueue(queue Queue) {
	counter := func(name, help string, value func() uint64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(value()) }))
	}
	counter("referral_tracker_touches_written_total", "Touches written to the database.", queue.Written)
	counter("referral_tracker_touches_shed_total",
		"Touches not written because the queue was full. Visitors' tokens remember them all the same.", queue.Shed)
	counter("referral_tracker_touches_refused_total", "Touches dropped because the database refused them.", queue.Refused)
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "referral_tracker_touches_queued", Help: "Touches waiting to be written.",
	}, func() float64 { return float64(queue.Depth()) }))
}

// Connections are those of a pool at the moment of a scrape.
type Connections func() (used, idle, most int32)

// WatchConnections shows a pool of connections to the database.
func (m *Metrics) WatchConnections(pool string, connections Connections) {
	for state, pick := range map[string]func() int32{
		"used": func() int32 { used, _, _ := connections(); return used },
		"idle": func() int32 { _, idle, _ := connections(); return idle },
		"most": func() int32 { _, _, most := connections(); return most },
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "referral_tracker_database_connections", Help: "Connections to the database, and how many there may be.",
			ConstLabels: prometheus.Labels{"pool": pool, "state": state},
		}, func() float64 { return float64(pick()) }))
	}
}

// Intake is what the connections of clients tell about themselves at the moment of a scrape.
type Intake struct {
	Open             func() int
	Refused, Evicted func() uint64
}

// WatchIntake shows the connections of clients.
func (m *Metrics) WatchIntake(intake Intake) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "referral_tracker_client_connections", Help: "Connections of clients.",
		}, func() float64 { return float64(intake.Open()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "referral_tracker_client_connections_refused_total",
			Help: "Connections refused because all others were in requests and had no answer left unread, or because of too many bytes of headers.",
		}, func() float64 { return float64(intake.Refused()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "referral_tracker_client_connections_evicted_total",
			Help: "Connections closed to make place for new ones: while idle, in the middle of a header, or with an answer that the client left unread.",
		}, func() float64 { return float64(intake.Evicted()) }))
}
