package version

import "github.com/prometheus/client_golang/prometheus"

// Metric returns a metric with the version as a label.
func Metric(name string) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        name,
		Help:        "Always 1; the label version is the release or commit of this binary.",
		ConstLabels: prometheus.Labels{"version": String()},
	})
	info.Set(1)
	return info
}
