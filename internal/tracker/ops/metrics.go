package ops

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/referral-operator/referral-operator/internal/version"
)

// Metrics are the metrics of the tracker.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	running  prometheus.Gauge
	arrivals *prometheus.CounterVec
	refused  *prometheus.CounterVec
}

// seconds are the buckets of durations: a redirect takes well under a millisecond, a fact about as
// long as its commit.
var buckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}

// NewMetrics returns the metrics. arrivals are the results of requests with a code, and reasons
// those for which visitor tokens are refused. Each is exported as 0 from the start, so that its
// first occurrence shows as an increase.
func NewMetrics(arrivals, reasons []string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "referral_tracker_requests_total", Help: "Requests answered.",
		}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "referral_tracker_request_seconds", Help: "How long requests took.", Buckets: buckets,
		}, []string{"route"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "referral_tracker_requests_running", Help: "Requests being answered.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "referral_tracker_tokens_refused_total",
			Help: "Visitor tokens that were ignored, by reason.",
		}, []string{"reason"}),
		arrivals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "referral_tracker_arrivals_total",
			Help: "Requests with a code, by result.",
		}, []string{"result"}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.running, m.arrivals, m.refused,
		version.Metric("referral_tracker_build_info"), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, arrival := range arrivals {
		m.arrivals.WithLabelValues(arrival)
	}
	for _, reason := range reasons {
		m.refused.WithLabelValues(reason)
	}
	return m
}

// TokenRefused counts a visitor token that was ignored.
func (m *Metrics) TokenRefused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// Arrived counts a request with a code.
func (m *Metrics) Arrived(result string) { m.arrivals.WithLabelValues(result).Inc() }

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) { m.registry.Describe(descriptions) }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(samples chan<- prometheus.Metric) { m.registry.Collect(samples) }

// mostScrapes is how many requests for /metrics are answered at a time. Each one holds all metrics
// and the buffers of a compressor, about a megabyte, and without --ops-listen visitors can send them.
const mostScrapes = 4

// Register adds /metrics.
func (m *Metrics) Register(mux *http.ServeMux) {
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, MaxRequestsInFlight: mostScrapes}))
}

func (m *Metrics) observe(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}
