package controllers

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// Metrics are the metrics that the leader derives from the status of all objects. They are read
// from the cache at each scrape, so an object that is gone has no series any more. Without the
// lease there is only the metric that says so.
//
// A database has at most 8 series here and 5 of package hosting, a campaign at most 20.
type Metrics struct {
	registry *hosting.Registry
	leading  atomic.Pointer[leading] // nil: another replica leads

	leader         *prometheus.Desc
	databases      databaseMetrics
	campaigns      campaignMetrics
	plans, reviews *prometheus.Desc
}

// leading is what metrics are read from while this replica leads.
type leading struct {
	ctx    context.Context // ends with the lease
	reader client.Reader
}

// NewMetrics returns the metrics of a process. They outlive its managers.
func NewMetrics(registry *hosting.Registry) *Metrics {
	return &Metrics{
		registry:  registry,
		leader:    prometheus.NewDesc("referral_manager_leader", "1 while this replica holds the lease and reports status, else 0.", nil, nil),
		databases: newDatabaseMetrics(),
		campaigns: newCampaignMetrics(),
		plans: prometheus.NewDesc("referral_plans",
			"Stored RewardPlans by state.", []string{"state"}, nil),
		reviews: prometheus.NewDesc("referral_reviews", "Stored RewardReviews.", nil, nil),
	}
}

// Lead shows the metrics of all objects until ctx ends.
func (m *Metrics) Lead(ctx context.Context, reader client.Reader) error {
	m.leading.Store(&leading{ctx, reader})
	defer m.leading.Store(nil)
	<-ctx.Done()
	return nil
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range slices.Concat([]*prometheus.Desc{m.leader, m.plans, m.reviews}, m.databases.all(), m.campaigns.all()) {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(samples chan<- prometheus.Metric) {
	now := m.leading.Load()
	if now == nil {
		samples <- prometheus.MustNewConstMetric(m.leader, prometheus.GaugeValue, 0)
		return
	}
	samples <- prometheus.MustNewConstMetric(m.leader, prometheus.GaugeValue, 1)
	suspended := m.collectDatabases(now, samples)
	m.collectCampaigns(now, suspended, samples)
	m.collectPlans(now, samples)
	m.collectReviews(now, samples)
}

// list lists all objects of a kind, as the cache's own. An error means that the manager ends: then
// there are no series.
func (l *leading) list(list client.ObjectList) bool {
	return l.reader.List(l.ctx, list, &client.ListOptions{UnsafeDisableDeepCopy: new(true)}) == nil
}

func (m *Metrics) collectPlans(now *leading, samples chan<- prometheus.Metric) {
	var list v1alpha1.RewardPlanList
	if !now.list(&list) {
		return
	}
	states := map[string]int{v1alpha1.PendingReason: 0, v1alpha1.RunningReason: 0, v1alpha1.DoneReason: 0, v1alpha1.FailedReason: 0}
	for i := range list.Items {
		state := v1alpha1.PendingReason
		if ready := meta.FindStatusCondition(list.Items[i].Status.Conditions, v1alpha1.ReadyCondition); ready != nil {
			if state = ready.Reason; state != v1alpha1.PendingReason && state != v1alpha1.RunningReason && state != v1alpha1.DoneReason {
				state = v1alpha1.FailedReason
			}
		}
		states[state]++
	}
	for state, plans := range states {
		samples <- prometheus.MustNewConstMetric(m.plans, prometheus.GaugeValue, float64(plans), state)
	}
}

func (m *Metrics) collectReviews(now *leading, samples chan<- prometheus.Metric) {
	var list v1alpha1.RewardReviewList
	if now.list(&list) {
		samples <- prometheus.MustNewConstMetric(m.reviews, prometheus.GaugeValue, float64(len(list.Items)))
	}
}

// sender sends gauges with the labels of one object, followed by their own.
func sender(samples chan<- prometheus.Metric, object ...string) func(*prometheus.Desc, float64, ...string) {
	return func(description *prometheus.Desc, value float64, labels ...string) {
		samples <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value,
			slices.Concat(object, labels)...)
	}
}

// readyOf returns 1 if Ready is true, else 0, and its reason; None: the object has not been
// reconciled yet.
func readyOf(conditions []metav1.Condition) (value float64, reason string) {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ReadyCondition)
	if ready == nil {
		return 0, "None"
	}
	return number(ready.Status == metav1.ConditionTrue), ready.Reason
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// ageOf is how many seconds ago a time was; 0: there is none.
func ageOf(at *metav1.Time) float64 {
	if at == nil {
		return 0
	}
	return max(0, time.Since(at.Time).Seconds())
}

// numberOf reads an amount of a spec or status, in major units.
func numberOf(amount string) float64 {
	value, err := strconv.ParseFloat(amount, 64)
	if err != nil {
		return 0 // the CRD and the operator write decimals only
	}
	return value
}
