package hosting

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// engineMetrics are the flows of all engines of this process. They have no labels of objects, so
// their number does not grow with the databases.
type engineMetrics struct {
	batch, latency       prometheus.Histogram
	stage                *prometheus.HistogramVec
	pairs, money, faults *prometheus.CounterVec
	referees, setAside   prometheus.Counter
}

// batchBuckets are in seconds. Statements end after 30 s.
var batchBuckets = []float64{.0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// latencyBuckets are in seconds: the objective is 10 s.
var latencyBuckets = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200}

func newEngineMetrics() *engineMetrics {
	histogram := func(name, help string, buckets []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: "referral_engine_" + name, Help: help, Buckets: buckets}
	}
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Name: "referral_engine_" + name, Help: help}
	}
	m := &engineMetrics{
		batch: prometheus.NewHistogram(histogram("batch_duration_seconds",
			"Time of committed batches, from the beginning of the transaction to its commit.", batchBuckets)),
		stage: prometheus.NewHistogramVec(histogram("batch_stage_duration_seconds",
			"Time of the stages of committed batches: Choose, Load, Decide, Allocate, Record, Commit.", batchBuckets), []string{"stage"}),
		latency: prometheus.NewHistogram(histogram("credit_latency_seconds",
			"Time from the arrival of a pair's facts (the later arrived_at of signup and purchase) to its first decision. "+
				"Not measured are pairs that a later declaration or edit makes count, and purchases that become First because an earlier pair was reversed. "+
				"For a pair that counts only once a later touch or link arrives, the time until then is included.", latencyBuckets)),
		pairs: prometheus.NewCounterVec(counter("pairs_total",
			"Pairs that entered a state."), []string{"state"}),
		money: prometheus.NewCounterVec(counter("credit_total",
			"Credit granted and reversed by ledger entries, in major units of the currency. "+
				"The currencies of ISO 4217 that occur have their own series, the amounts of all others are added up as other."), []string{"kind", "currency"}),
		referees: prometheus.NewCounter(counter("referees_total", "Referees decided in committed batches.")),
		setAside: prometheus.NewCounter(counter("set_aside_total", "Referees set aside because their facts could not be decided.")),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "referral_database_errors_total",
			Help: "Errors of databases, by class of the SQLSTATE; connection: no answer of the server.",
		}, []string{"class"}),
	}
	// Exported as 0 from the start, so that the first occurrence shows as an increase.
	for _, stage := range engine.Stages() {
		m.stage.WithLabelValues(stage)
	}
	for _, state := range []reward.State{reward.Held, reward.Granted, reward.Waiting, reward.Reversed} {
		m.pairs.WithLabelValues(string(state))
	}
	for _, class := range postgres.StateClasses() {
		m.faults.WithLabelValues(class)
	}
	return m
}

func (m *engineMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.batch, m.stage, m.latency, m.pairs, m.money, m.referees, m.setAside, m.faults}
}

// mostCounted is the most minor units of a batch that are added to a counter, which all databases
// share: a float64 that has counted more loses the cents of all that follows.
const mostCounted = 1 << 46

// Committed implements engine.Observer.
func (m *engineMetrics) Committed(report *engine.Report) {
	if report.Took > 0 {
		m.batch.Observe(report.Took.Seconds())
	}
	for stage, name := range engine.Stages() {
		if took := report.Stages[stage]; took > 0 {
			m.stage.WithLabelValues(name).Observe(took.Seconds())
		}
	}
	for state, pairs := range report.Pairs {
		m.pairs.WithLabelValues(string(state)).Add(float64(pairs))
	}
	for _, latency := range report.Latencies {
		m.latency.Observe(latency.Seconds())
	}
	for flow, amount := range report.Credits {
		if amount > mostCounted {
			continue
		}
		major, err := strconv.ParseFloat(reward.FormatAmount(amount, flow.Currency), 64)
		if err == nil {
			m.money.WithLabelValues(string(flow.Kind), currencyLabel(flow.Currency)).Add(major)
		}
	}
	m.referees.Add(float64(report.Referees))
	m.setAside.Add(float64(report.SetAside))
}

// Failed implements engine.Observer.
func (m *engineMetrics) Failed(err error) {
	if class := postgres.StateClass(err); class != "" {
		m.faults.WithLabelValues(class).Inc()
	}
}

// otherCurrency is the label of all currencies that are not in ISO 4217.
const otherCurrency = "other"

// currencyLabel is the label of a currency. A currency has series of its own only if it is in ISO
// 4217, whatever was seen before: purchases may have any three letters as their currency, and
// made-up ones of one database must not use up the series of the others.
func currencyLabel(currency string) string {
	if reward.KnownCurrency(currency) {
		return currency
	}
	return otherCurrency
}
