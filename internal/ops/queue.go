package ops

import "github.com/prometheus/client_golang/prometheus"

// Queue is what a queue of touches tells about itself at the moment of a scrape.
type Queue struct {
	Written, Shed   func() uint64
	Depth, Capacity func() int
}

// WatchQueue shows the queue of touches.
func (m *Metrics) WatchQueue(queue Queue) {
	counter := func(name, help string, value func() uint64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(value()) }))
	}
	gauge := func(name, help string, value func() int) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(value()) }))
	}
	counter("referral_tracker_touches_written_total", "Touches written to the database.", queue.Written)
	counter("referral_tracker_touches_shed_total",
		"Touches not written because the queue was full. Visitors' tokens remember them all the same.", queue.Shed)
	gauge("referral_tracker_touches_queued", "Touches waiting to be written.", queue.Depth)
	gauge("referral_tracker_touches_queue_capacity", "Touches that may wait.", queue.Capacity)
}

// Connections are those of a pool at the moment of a scrape.
type Connections func() (used, idle, most int32)

// WatchConnections shows the pool of connections to the database.
func (m *Metrics) WatchConnections(connections Connections) {
	for state, pick := range map[string]func() int32{
		"used": func() int32 { used, _, _ := connections(); return used },
		"idle": func() int32 { _, idle, _ := connections(); return idle },
		"most": func() int32 { _, _, most := connections(); return most },
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "referral_tracker_database_connections", Help: "Connections to the database, and how many there may be.",
			ConstLabels: prometheus.Labels{"state": state},
		}, func() float64 { return float64(pick()) }))
	}
}
