package ops

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are all that the tracker counts.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	running  prometheus.Gauge
	refused  *prometheus.CounterVec
	limited  prometheus.Counter
}

// seconds that requests take: a redirect well under a millisecond, a fact about
// as long as its commit.
var buckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}

// NewMetrics makes a registry. reasons are those for which visitor tokens are
// refused; each is shown from the start, so that its first time is seen to be a
// change.
func NewMetrics(reasons []string) *Metrics {
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
		limited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "referral_tracker_requests_limited_total",
			Help: "Requests refused because their client asked for too many unknown codes.",
		}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.running, m.refused, m.limited,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, reason := range reasons {
		m.refused.WithLabelValues(reason)
	}
	return m
}

// TokenRefused counts a visitor token that was ignored.
func (m *Metrics) TokenRefused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// Limited counts a request refused for its client's rate.
func (m *Metrics) Limited() { m.limited.Inc() }

// Register adds /metrics.
func (m *Metrics) Register(mux *http.ServeMux) {
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry}))
}

func (m *Metrics) observe(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}
