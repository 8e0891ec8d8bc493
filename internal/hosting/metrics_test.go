package hosting_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

func gather(t *testing.T, from prometheus.Gatherer) []*dto.MetricFamily {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// samples returns the samples of gauges and counters by name and labels, such as "x{a=b}".
func samples(t *testing.T, from prometheus.Gatherer) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for _, family := range gather(t, from) {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			if metric.Histogram == nil {
				values[fmt.Sprintf("%s{%s}", family.GetName(), strings.Join(labels, ","))] =
					metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
			}
		}
	}
	return values
}

// ofShop keeps the samples of the shop, without their times.
func ofShop(values map[string]float64) map[string]float64 {
	own := map[string]float64{}
	for name, value := range values {
		if strings.Contains(name, "database=shop,namespace=growth") {
			if strings.Contains(name, "timestamp") {
				value = 0
			}
			own[name] = value
		}
	}
	return own
}

func TestHostHasFiveSeriesWhichGoWithIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(w.Metrics())
	w.serve()
	want := map[string]float64{
		"referral_engine_running{database=shop,namespace=growth}":                                 1,
		"referral_engine_batches_total{database=shop,namespace=growth,result=Committed}":          0,
		"referral_engine_batches_total{database=shop,namespace=growth,result=RolledBack}":         0,
		"referral_database_connections_used_ratio{database=shop,namespace=growth}":                0,
		"referral_database_ownership_heartbeat_timestamp_seconds{database=shop,namespace=growth}": 0,
	}
	own := ofShop(samples(t, registry))
	if ratio := "referral_database_connections_used_ratio{database=shop,namespace=growth}"; own[ratio] <= 1 {
		own[ratio] = 0 // a poll may run
	}
	if diff := cmp.Diff(want, own); diff != "" {
		t.Error(diff)
	}
	w.Drop(shop)
	if left := ofShop(samples(t, registry)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestHeartbeatOfTheOwnerIsATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(w.Metrics())
	before := time.Now()
	w.serve()
	at := samples(t, registry)["referral_database_ownership_heartbeat_timestamp_seconds{database=shop,namespace=growth}"]
	if at < float64(before.Unix()) || at > float64(time.Now().Unix()+1) {
		t.Errorf("the heartbeat was at %v", at)
	}
}

// The heartbeats that end with a take-over are nothing to worry about.
func TestHeartbeatIsForgottenWithTheOwnership(t *testing.T) {
	const heartbeat = "referral_database_ownership_heartbeat_timestamp_seconds{database=shop,namespace=growth}"
	for cause, take := range map[string]func(w *world){
		"another owner": func(w *world) {
			err := w.Use(w.Context(), shop, func(ctx context.Context, db *postgres.DB) error {
				_, err := database.Claim(ctx, db, database.Identity{Installation: "other", Name: "a/b", UID: "uid-9"}, identity.UID)
				return err
			})
			if err != nil {
				w.Fatal(err)
			}
		},
		"another object of the name": func(w *world) {
			w.Ensure(shop, w.config(func(c *hosting.Config) { c.Identity.UID, c.Source.UID = "uid-2", "uid-2" }))
		},
	} {
		t.Run(cause, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			registry := prometheus.NewPedanticRegistry()
			registry.MustRegister(w.Metrics())
			w.serve()
			take(w)
			w.awaitPhase(hosting.Connected)
			for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
				if _, found := samples(t, registry)[heartbeat]; !found {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the heartbeat is still shown")
				}
			}
		})
	}
}

func TestSeriesOfEnginesDoNotGrowWithDatabasesOrCurrencies(t *testing.T) {
	r := hosting.NewRegistry(hosting.Options{})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r.Metrics())
	count := func() (series int) {
		for _, family := range gather(t, registry) {
			for _, metric := range family.GetMetric() {
				series += 1 + len(metric.GetHistogram().GetBucket())
				if metric.Histogram != nil {
					series += 2 // +Inf and _sum
				}
			}
		}
		return series
	}
	before := count()
	credits := map[engine.CreditFlow]int64{}
	for i := range 26 * 26 * 26 {
		for _, kind := range []reward.EntryKind{reward.Grant, reward.Reversal} {
			credits[engine.CreditFlow{Kind: kind, Currency: string([]byte{'A' + byte(i/26/26), 'A' + byte(i/26%26), 'A' + byte(i%26)})}] = 100
		}
	}
	r.Observer().Committed(&engine.Report{Took: time.Second, Credits: credits})
	engines := count()
	if got := engines - before; got > 400 {
		t.Errorf("all codes of three letters have %d series, want at most 400", got)
	}
	for i := range 100 {
		r.Ensure(types.NamespacedName{Namespace: "growth", Name: fmt.Sprint("shop-", i)}, hosting.Config{})
	}
	if got := count() - engines; got > 500 {
		t.Errorf("100 databases have %d series, want at most 500", got)
	}
	if before > 200 {
		t.Errorf("without a database there are %d series, want at most 200", before)
	}
	t.Logf("%d series without a database, %d with all currencies", before, engines)
}

func TestMadeUpCurrenciesTakeNoSeriesFromOthers(t *testing.T) {
	r := hosting.NewRegistry(hosting.Options{})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r.Metrics())
	grant := func(currency string, amount int64) {
		r.Observer().Committed(&engine.Report{Credits: map[engine.CreditFlow]int64{{Kind: reward.Grant, Currency: currency}: amount}})
	}
	for _, madeUp := range []string{"AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG", "HHH"} {
		grant(madeUp, 1)
	}
	grant("USD", 500)
	got := samples(t, registry)
	if usd, other := got["referral_engine_credit_total{currency=USD,kind=Grant}"], got["referral_engine_credit_total{currency=other,kind=Grant}"]; usd != 5 || other != 8 {
		t.Errorf("USD shows %v and other %v, want 5 and 8", usd, other)
	}
}

func TestAbsurdAmountsOfOneDatabaseLeaveTheCountersOfAllExact(t *testing.T) {
	r := hosting.NewRegistry(hosting.Options{})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r.Metrics())
	for _, amount := range []int64{math.MaxInt64, 1 << 53, 1} {
		r.Observer().Committed(&engine.Report{Credits: map[engine.CreditFlow]int64{{Kind: reward.Grant, Currency: "USD"}: amount}})
	}
	if got := samples(t, registry)["referral_engine_credit_total{currency=USD,kind=Grant}"]; got != 0.01 {
		t.Errorf("USD shows %v, want 0.01", got)
	}
}

func TestFlowsOfEnginesAreCounted(t *testing.T) {
	r := hosting.NewRegistry(hosting.Options{})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r.Metrics())
	r.Observer().Committed(&engine.Report{
		Took: time.Second, Referees: 3, SetAside: 1,
		Pairs:     map[reward.State]int{reward.Granted: 2},
		Latencies: []time.Duration{time.Second, 20 * time.Second},
		Credits:   map[engine.CreditFlow]int64{{Kind: reward.Grant, Currency: "USD"}: 1050, {Kind: reward.Reversal, Currency: "JPY"}: 700},
	})
	r.Observer().Failed(&pgconn.PgError{Code: "40P01"})
	r.Observer().Failed(&pgconn.PgError{Code: "'; --"})
	r.Observer().Failed(errors.New("the configuration moved")) // no error of the database
	got := samples(t, registry)
	for name, want := range map[string]float64{
		"referral_engine_credit_total{currency=USD,kind=Grant}":    10.5,
		"referral_engine_credit_total{currency=JPY,kind=Reversal}": 700,
		"referral_engine_pairs_total{state=Granted}":               2,
		"referral_engine_referees_total{}":                         3,
		"referral_engine_set_aside_total{}":                        1,
		"referral_database_errors_total{class=40}":                 1,
		"referral_database_errors_total{class=other}":              1,
		"referral_database_errors_total{class=connection}":         0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	for _, family := range gather(t, registry) {
		if family.GetName() == "referral_engine_credit_latency_seconds" {
			if histogram := family.GetMetric()[0].GetHistogram(); histogram.GetSampleCount() != 2 || histogram.GetSampleSum() != 21 {
				t.Errorf("%v", histogram)
			}
		}
	}
}

func TestMetricNamesFollowTheConventions(t *testing.T) {
	r := hosting.NewRegistry(hosting.Options{})
	r.Ensure(shop, hosting.Config{})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r.Metrics())
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}
