package hosting_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/referral-operator/referral-operator/internal/database"
)

// gather returns every sample of the shop by the name of its metric.
func gather(t *testing.T, from prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if diff := cmp.Diff(map[string]string{"namespace": shop.Namespace, "name": shop.Name}, labels); diff != "" {
				t.Errorf("%s: %s", family.GetName(), diff)
			}
			samples[family.GetName()] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
		}
	}
	return samples
}

func TestMetricsOfADroppedHostDisappear(t *testing.T) {
	w := newWorld(t)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(w.Metrics())
	w.serve()
	w.SetReport(shop, database.Status{PendingChanges: 7, SetAside: 2, OldestPendingChange: time.Now().Add(-time.Hour)}, w.Moment(shop))

	samples := gather(t, registry)
	if samples["referral_operator_oldest_pending_change_seconds"] < 3600 {
		t.Errorf("the oldest pending change is %v s old", samples["referral_operator_oldest_pending_change_seconds"])
	}
	delete(samples, "referral_operator_oldest_pending_change_seconds")
	want := map[string]float64{
		"referral_operator_engine_running":              1,
		"referral_operator_pending_changes":             7,
		"referral_operator_set_aside_referees":          2,
		"referral_operator_engine_batches_total":        0,
		"referral_operator_engine_batch_failures_total": 0,
		"referral_operator_engine_referees_total":       0,
		"referral_operator_engine_ledger_entries_total": 0,
		"referral_operator_engine_set_aside_total":      0,
	}
	if diff := cmp.Diff(want, samples); diff != "" {
		t.Error(diff)
	}

	w.ForgetReports()
	if _, ok := gather(t, registry)["referral_operator_pending_changes"]; ok {
		t.Error("a forgotten report still shows")
	}
	w.Drop(shop)
	if samples := gather(t, registry); len(samples) > 0 {
		t.Errorf("left behind: %v", samples)
	}
}
