package controllers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/controllers"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// objects are what a reader lists.
type objects struct {
	client.Reader
	databases []v1alpha1.AttributionDatabase
	campaigns []v1alpha1.ReferralCampaign
	plans     []v1alpha1.RewardPlan
	reviews   []v1alpha1.RewardReview
}

func (o *objects) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *v1alpha1.AttributionDatabaseList:
		list.Items = o.databases
	case *v1alpha1.ReferralCampaignList:
		list.Items = o.campaigns
	case *v1alpha1.RewardPlanList:
		list.Items = o.plans
	case *v1alpha1.RewardReviewList:
		list.Items = o.reviews
	}
	return nil
}

// lead returns a gatherer of the metrics of a leader that sees the objects, and a function that
// ends its lease.
func lead(t *testing.T, registry *hosting.Registry, seen *objects) (prometheus.Gatherer, func()) {
	t.Helper()
	metrics := controllers.NewMetrics(registry)
	gatherer := prometheus.NewPedanticRegistry()
	gatherer.MustRegister(metrics, registry.Metrics())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- metrics.Lead(ctx, seen) }()
	for deadline := time.Now().Add(patience); samplesOf(t, gatherer)["referral_manager_leader{}"] != 1; {
		if time.Now().After(deadline) {
			t.Fatal("there is no leader")
		}
	}
	end := func() { cancel(); <-ended }
	t.Cleanup(cancel)
	return gatherer, end
}

// samplesOf returns the samples of gauges and counters by name and labels, such as "x{a=b}".
func samplesOf(t *testing.T, from prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := from.Gather()
	check(t, err)
	values := map[string]float64{}
	for _, family := range families {
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

// having keeps the samples with a label.
func having(values map[string]float64, label string) map[string]float64 {
	own := map[string]float64{}
	for name, value := range values {
		if strings.Contains(name, label) {
			own[name] = value
		}
	}
	return own
}

func ready(status metav1.ConditionStatus, reason string) []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.ReadyCondition, Status: status, Reason: reason}}
}

var created = metav1.NewTime(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))

// databaseWithEverything has every field that has a series.
func databaseWithEverything(name string) v1alpha1.AttributionDatabase {
	verified := metav1.NewTime(created.Add(time.Hour))
	return v1alpha1.AttributionDatabase{
		ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: name, CreationTimestamp: created},
		Spec:       v1alpha1.AttributionDatabaseSpec{VerifyInterval: &v1alpha1.Duration{Duration: 24 * time.Hour}},
		Status: v1alpha1.AttributionDatabaseStatus{
			PendingChanges: 7, OldestPendingChange: &created, SetAside: 2,
			Verification: &v1alpha1.Verification{LastTime: &verified, Violations: 1},
			Conditions: append(ready(metav1.ConditionFalse, v1alpha1.SecretNotFoundReason),
				metav1.Condition{Type: v1alpha1.PrivilegedRoleCondition, Status: metav1.ConditionTrue}),
		},
	}
}

// campaignWithEverything has every field that has a series, and credit in many currencies.
func campaignWithEverything(name, host string, currencies ...string) v1alpha1.ReferralCampaign {
	c := v1alpha1.ReferralCampaign{
		ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: name, CreationTimestamp: created},
		Spec: v1alpha1.ReferralCampaignSpec{
			DatabaseRef: v1alpha1.ObjectReference{Name: host}, Budget: &v1alpha1.Money{Amount: "100.00", Currency: "USD"},
			ResyncInterval: &v1alpha1.Duration{Duration: 30 * time.Minute},
		},
		Status: v1alpha1.ReferralCampaignStatus{
			Policy:  &v1alpha1.PolicyInForce{Name: "five-dollars", Revision: 1},
			Pairs:   &v1alpha1.PairCounts{AwaitingPurchase: 1, Waiting: 2, Held: 3, Granted: 4, Reversed: 5},
			Rollout: &v1alpha1.Rollout{Revision: 2, Decided: 3, Total: 10}, DriftCorrected: 6, LastResyncTime: &created,
			Conditions: ready(metav1.ConditionTrue, v1alpha1.ReadyReason),
		},
	}
	for _, currency := range currencies {
		credit := v1alpha1.CurrencyCredit{Currency: currency, Granted: "5.50", Held: "1.00", Reversed: "2.00"}
		if currency == "USD" {
			credit.BudgetRemaining = "93.50"
		}
		c.Status.Credits = append(c.Status.Credits, credit)
	}
	return c
}

var manyCurrencies = []string{"AUD", "BRL", "CAD", "CHF", "EUR", "GBP", "INR", "JPY", "NOK", "SEK", "USD", "ZAR"}

func TestLeaderExportsEveryMetricThatItDescribes(t *testing.T) {
	metrics := controllers.NewMetrics(reporting(t, map[string]database.Status{"shop": withholding("invite", 0)}))
	go func() {
		_ = metrics.Lead(t.Context(), &objects{
			databases: []v1alpha1.AttributionDatabase{databaseWithEverything("shop")},
			campaigns: []v1alpha1.ReferralCampaign{campaignWithEverything("invite", "shop", "USD")},
		})
	}()
	described := drain(metrics.Describe)
	collect := func() map[*prometheus.Desc]bool {
		exported := map[*prometheus.Desc]bool{}
		for _, sample := range drain(metrics.Collect) {
			exported[sample.Desc()] = true
		}
		return exported
	}
	exported := collect()
	for deadline := time.Now().Add(patience); len(exported) == 1; exported = collect() {
		if time.Now().After(deadline) {
			t.Fatal("there is no leader")
		}
	}
	for _, description := range described {
		if !exported[description] {
			t.Errorf("%s has no sample", description)
		}
	}
}

// drain returns all that a function of a collector sends.
func drain[T any](send func(chan<- T)) (all []T) {
	sent := make(chan T)
	go func() {
		defer close(sent)
		send(sent)
	}()
	for one := range sent {
		all = append(all, one)
	}
	return all
}

func TestDatabaseHasAtMostThirteenSeries(t *testing.T) {
	open, closed := withholding("invite", 400).Campaigns[0], withholding("spring", 7).Campaigns[0]
	closed.Mode = database.Closed
	registry := reporting(t, map[string]database.Status{"shop": {Campaigns: []database.CampaignStatus{open, closed}}})
	gatherer, _ := lead(t, registry, &objects{databases: []v1alpha1.AttributionDatabase{databaseWithEverything("shop")}})
	own := having(samplesOf(t, gatherer), "database=shop")
	const withConnection = 2 // connections_used_ratio and ownership_heartbeat, once it is connected
	if got := len(own) + withConnection; got != 13 {
		t.Errorf("%d series: %v", got, own)
	}
	for name, want := range map[string]float64{
		"referral_database_ready{database=shop,namespace=growth,reason=SecretNotFound}":              0,
		"referral_database_pending_changes{database=shop,namespace=growth}":                          7,
		"referral_database_set_aside_referees{database=shop,namespace=growth}":                       2,
		"referral_database_violations{database=shop,namespace=growth}":                               1,
		"referral_database_privileged_role{database=shop,namespace=growth}":                          1,
		"referral_database_closed_withheld_pairs{cause=MassReversal,database=shop,namespace=growth}": 7,
	} {
		if got, found := own[name]; !found || got != want {
			t.Errorf("%s is %v (found: %v), want %v", name, got, found, want)
		}
	}
	if age := own["referral_database_oldest_pending_change_age_seconds{database=shop,namespace=growth}"]; age <= 0 {
		t.Errorf("the oldest change is %v s old", age)
	}
}

// A campaign may be suspended at first, or follow a policy that comes later.
func TestCampaignThatWasNeverComparedIsDueAfterItsDeclaration(t *testing.T) {
	declared := created.Add(7 * time.Hour)
	for name, test := range map[string]struct {
		compared bool
		report   []database.CampaignStatus
		want     map[string]float64
	}{
		"declared later":         {report: []database.CampaignStatus{{Name: "invite", DeclaredAt: declared}}, want: dueAt(declared.Add(30 * time.Minute))},
		"compared, and edited":   {compared: true, report: []database.CampaignStatus{{Name: "invite", DeclaredAt: declared}}, want: dueAt(created.Add(30 * time.Minute))},
		"compared, no report":    {compared: true, want: dueAt(created.Add(30 * time.Minute))},
		"not reported on so far": {want: map[string]float64{}},
	} {
		t.Run(name, func(t *testing.T) {
			campaign := campaignWithEverything("invite", "shop")
			if !test.compared {
				campaign.Status.LastResyncTime = nil
			}
			registry := reporting(t, map[string]database.Status{"shop": {Campaigns: test.report}})
			gatherer, _ := lead(t, registry, &objects{campaigns: []v1alpha1.ReferralCampaign{campaign}})
			if diff := cmp.Diff(test.want, having(samplesOf(t, gatherer), "resync_due")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func dueAt(at time.Time) map[string]float64 {
	return map[string]float64{
		"referral_campaign_resync_due_timestamp_seconds{campaign=invite,database=shop,namespace=growth}": float64(at.Unix()),
	}
}

// A status lists so many currencies and no more.
func TestOtherCurrenciesAreThoseThatNoStatusListsToo(t *testing.T) {
	campaign := campaignWithEverything("invite", "shop", currencies(v1alpha1.MaxCreditCurrencies)...)
	report := withholding("invite", 0)
	for _, currency := range currencies(v1alpha1.MaxCreditCurrencies + 5) {
		report.Campaigns[0].Credits = append(report.Campaigns[0].Credits, database.CreditStatus{
			Currency: currency, Granted: big.NewInt(5), Held: big.NewInt(1), Reversed: big.NewInt(2),
		})
	}
	gatherer, _ := lead(t, reporting(t, map[string]database.Status{"shop": report}), &objects{campaigns: []v1alpha1.ReferralCampaign{campaign}})
	granted := having(having(samplesOf(t, gatherer), "credit_granted"), "currency=other")
	want := map[string]float64{
		"referral_campaign_credit_granted{campaign=invite,currency=other,database=shop,namespace=growth}": (v1alpha1.MaxCreditCurrencies-3)*5.5 + 5*5,
	}
	if diff := cmp.Diff(want, granted); diff != "" {
		t.Error(diff)
	}
}

// currencies returns so many codes that ISO 4217 does not know, so that they have no decimals.
func currencies(n int) (codes []string) {
	for i := range n {
		codes = append(codes, "Q"+string(rune('A'+i/26))+string(rune('A'+i%26)))
	}
	return codes
}

// reporting returns a registry that has reports on databases of the namespace growth.
func reporting(t *testing.T, reports map[string]database.Status) *hosting.Registry {
	t.Helper()
	registry := hosting.NewRegistry(hosting.Options{})
	for name, report := range reports {
		key := client.ObjectKey{Namespace: "growth", Name: name}
		registry.Refuse(key, hosting.Source{}, errors.New("no settings"))
		check(t, registry.SetReport(key, report, hosting.Moment{}))
	}
	return registry
}

// withholding is a report on a database whose campaign withholds so many reversals.
func withholding(campaign string, pairs int64) database.Status {
	reported := database.CampaignStatus{Name: campaign}
	if pairs > 0 {
		reported.Resync.MassReversal = &database.MassReversal{ID: "loss-1", Pairs: pairs}
	}
	return database.Status{Campaigns: []database.CampaignStatus{reported}}
}

// A campaign that was deleted lives on in its database, beside one of the same name in another.
func TestWithheldPairsAreThoseOfTheCampaignsOwnDatabase(t *testing.T) {
	registry := reporting(t, map[string]database.Status{
		"shop": withholding("invite", 400), "outlet": withholding("invite", 0), "fair": withholding("fair", 7),
	})
	for _, campaigns := range [][]v1alpha1.ReferralCampaign{
		{campaignWithEverything("invite", "outlet"), campaignWithEverything("share", "shop"), campaignWithEverything("fair", "fair"), campaignWithEverything("new", "unread")},
		{campaignWithEverything("share", "shop"), campaignWithEverything("invite", "outlet"), campaignWithEverything("fair", "fair"), campaignWithEverything("new", "unread")},
	} {
		gatherer, _ := lead(t, registry, &objects{campaigns: campaigns})
		want := map[string]float64{
			"referral_campaign_withheld_pairs{campaign=invite,cause=MassReversal,database=outlet,namespace=growth}": 0,
			"referral_campaign_withheld_pairs{campaign=fair,cause=MassReversal,database=fair,namespace=growth}":     7,
		}
		if diff := cmp.Diff(want, having(samplesOf(t, gatherer), "withheld_pairs")); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCampaignHasAtMostTwentySeries(t *testing.T) {
	seen := &objects{campaigns: []v1alpha1.ReferralCampaign{campaignWithEverything("invite", "shop", manyCurrencies...)}}
	gatherer, _ := lead(t, reporting(t, map[string]database.Status{"shop": withholding("invite", 0)}), seen)
	own := having(samplesOf(t, gatherer), "campaign=invite")
	if len(own) != 20 {
		t.Errorf("%d series: %v", len(own), own)
	}
	labels := "{campaign=invite,currency=%s,database=shop,namespace=growth}"
	for name, want := range map[string]float64{
		"referral_campaign_credit_granted" + fmt.Sprintf(labels, "USD"):                                  5.5, // the budget's currency has its own series
		"referral_campaign_credit_granted" + fmt.Sprintf(labels, "AUD"):                                  5.5,
		"referral_campaign_credit_granted" + fmt.Sprintf(labels, "other"):                                9 * 5.5,
		"referral_campaign_credit_reversed" + fmt.Sprintf(labels, "USD"):                                 2,
		"referral_campaign_budget" + fmt.Sprintf(labels, "USD"):                                          100,
		"referral_campaign_budget_remaining" + fmt.Sprintf(labels, "USD"):                                93.5,
		"referral_campaign_rollout_pairs_remaining{campaign=invite,database=shop,namespace=growth}":      7,
		"referral_campaign_resync_due_timestamp_seconds{campaign=invite,database=shop,namespace=growth}": float64(created.Add(30 * time.Minute).Unix()),
		"referral_campaign_pairs{campaign=invite,database=shop,namespace=growth,state=Held}":             3,
	} {
		if got, found := own[name]; !found || got != want {
			t.Errorf("%s is %v (found: %v), want %v", name, got, found, want)
		}
	}
}

func TestUpToFourCurrenciesAreNotAddedUp(t *testing.T) {
	seen := &objects{campaigns: []v1alpha1.ReferralCampaign{campaignWithEverything("invite", "shop", "EUR", "GBP", "JPY", "USD")}}
	gatherer, _ := lead(t, hosting.NewRegistry(hosting.Options{}), seen)
	if other := having(samplesOf(t, gatherer), "currency=other"); len(other) > 0 {
		t.Errorf("%v", other)
	}
}

// Two equal series would make the scrape fail, with the metrics of all tenants.
func TestCurrencyNamedOtherIsAddedToTheOtherCurrencies(t *testing.T) {
	seen := &objects{campaigns: []v1alpha1.ReferralCampaign{
		campaignWithEverything("invite", "shop", "USD", "other", "p", "q", "r"), campaignWithEverything("of-another-tenant", "shop", "USD"),
	}}
	gatherer, _ := lead(t, hosting.NewRegistry(hosting.Options{}), seen)
	granted := having(having(samplesOf(t, gatherer), "credit_granted"), "campaign=invite")
	want := map[string]float64{"USD": 5.5, "other": 3 * 5.5, "p": 5.5}
	for currency, amount := range want {
		if got := having(granted, "currency="+currency); len(got) != 1 || slices.Collect(maps.Values(got))[0] != amount {
			t.Errorf("%s: %v, want %v", currency, got, amount)
		}
	}
	if len(granted) != len(want) {
		t.Errorf("%v", granted)
	}
}

// The first report has what the database has repaired over years. It is nothing that happened now.
func TestDriftHasNoSeriesBeforeTheFirstReport(t *testing.T) {
	campaign := campaignWithEverything("invite", "shop")
	campaign.Status = v1alpha1.ReferralCampaignStatus{}
	gatherer, _ := lead(t, hosting.NewRegistry(hosting.Options{}), &objects{campaigns: []v1alpha1.ReferralCampaign{campaign}})
	samples := samplesOf(t, gatherer)
	for _, metric := range []string{"drift_corrected", "rollout_pairs_remaining"} {
		if got := having(samples, metric); len(got) > 0 {
			t.Errorf("%v", got)
		}
	}
}

// Nothing is compared while a campaign or its database is suspended, before a campaign is declared,
// and once it is being deleted. A suspended database is verified.
func TestCampaignsThatAreNotComparedAreNotOverdue(t *testing.T) {
	annotated := map[string]string{v1alpha1.SuspendAnnotation: "true"}
	for name, suspend := range map[string]func(*v1alpha1.AttributionDatabase, *v1alpha1.ReferralCampaign){
		"compared":                             func(*v1alpha1.AttributionDatabase, *v1alpha1.ReferralCampaign) {},
		"the campaign suspended":               func(_ *v1alpha1.AttributionDatabase, c *v1alpha1.ReferralCampaign) { c.Spec.Suspend = true },
		"the campaign by annotation suspended": func(_ *v1alpha1.AttributionDatabase, c *v1alpha1.ReferralCampaign) { c.Annotations = annotated },
		"the database suspended":               func(d *v1alpha1.AttributionDatabase, _ *v1alpha1.ReferralCampaign) { d.Spec.Suspend = true },
		"the database by annotation suspended": func(d *v1alpha1.AttributionDatabase, _ *v1alpha1.ReferralCampaign) { d.Annotations = annotated },
		"not declared":                         func(_ *v1alpha1.AttributionDatabase, c *v1alpha1.ReferralCampaign) { c.Status.Policy = nil },
		"being deleted":                        func(_ *v1alpha1.AttributionDatabase, c *v1alpha1.ReferralCampaign) { c.DeletionTimestamp = &created },
	} {
		adb, campaign := databaseWithEverything("shop"), campaignWithEverything("invite", "shop")
		suspend(&adb, &campaign)
		gatherer, _ := lead(t, hosting.NewRegistry(hosting.Options{}), &objects{
			databases: []v1alpha1.AttributionDatabase{adb}, campaigns: []v1alpha1.ReferralCampaign{campaign},
		})
		samples := samplesOf(t, gatherer)
		if due := having(samples, "resync_due_"); len(due) != 0 != (name == "compared") {
			t.Errorf("%s: %v", name, due)
		}
		if due := having(samples, "verification_due_"); len(due) != 1 {
			t.Errorf("%s: %v", name, due)
		}
	}
}

func TestOnlyTheLeaderShowsObjects(t *testing.T) {
	seen := &objects{
		databases: []v1alpha1.AttributionDatabase{databaseWithEverything("shop")},
		campaigns: []v1alpha1.ReferralCampaign{campaignWithEverything("invite", "shop", "USD")},
	}
	gatherer, end := lead(t, hosting.NewRegistry(hosting.Options{}), seen)
	if len(having(samplesOf(t, gatherer), "namespace=growth")) == 0 {
		t.Error("the leader shows no objects")
	}
	seen.campaigns = nil
	if left := having(samplesOf(t, gatherer), "campaign="); len(left) > 0 {
		t.Errorf("a campaign that is gone has series: %v", left)
	}
	end()
	after := samplesOf(t, gatherer)
	if left := having(after, "namespace=growth"); len(left) > 0 {
		t.Errorf("without the lease: %v", left)
	}
	if after["referral_manager_leader{}"] != 0 {
		t.Error("the leader has not ended")
	}
}

func TestPlansAndReviewsAreCountedByState(t *testing.T) {
	seen := &objects{}
	for _, reason := range []string{v1alpha1.DoneReason, v1alpha1.DoneReason, v1alpha1.RunningReason, v1alpha1.InvalidSpecReason, v1alpha1.TooManyPlansReason} {
		seen.plans = append(seen.plans, v1alpha1.RewardPlan{Status: v1alpha1.RewardPlanStatus{Conditions: ready(metav1.ConditionFalse, reason)}})
	}
	seen.plans = append(seen.plans, v1alpha1.RewardPlan{})
	seen.reviews = make([]v1alpha1.RewardReview, 3)
	gatherer, _ := lead(t, hosting.NewRegistry(hosting.Options{}), seen)
	want := map[string]float64{
		"referral_plans{state=Pending}": 1, "referral_plans{state=Running}": 1,
		"referral_plans{state=Done}": 2, "referral_plans{state=Failed}": 2,
	}
	values := samplesOf(t, gatherer)
	if diff := cmp.Diff(want, having(values, "referral_plans")); diff != "" {
		t.Error(diff)
	}
	if values["referral_reviews{}"] != 3 {
		t.Errorf("%v reviews", values["referral_reviews{}"])
	}
}

// 1,000 databases and 2,000 campaigns with as many currencies as there may be.
func TestScrapeOfAThousandDatabasesIsBounded(t *testing.T) {
	seen, registry := &objects{}, hosting.NewRegistry(hosting.Options{})
	for i := range 1000 {
		name := fmt.Sprint("shop-", i)
		registry.Ensure(client.ObjectKey{Namespace: "growth", Name: name}, hosting.Config{})
		seen.databases = append(seen.databases, databaseWithEverything(name))
		for j := range 2 {
			seen.campaigns = append(seen.campaigns, campaignWithEverything(fmt.Sprintf("invite-%d-%d", i, j), name, manyCurrencies...))
		}
	}
	gatherer, _ := lead(t, registry, seen)
	began := time.Now()
	families, err := gatherer.Gather()
	check(t, err)
	var body bytes.Buffer
	encoder := expfmt.NewEncoder(&body, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		check(t, encoder.Encode(family))
	}
	took := time.Since(began)
	series := 0
	for line := range strings.Lines(body.String()) {
		if !strings.HasPrefix(line, "#") {
			series++
		}
	}
	t.Logf("%d series, %d bytes, %s", series, body.Len(), took)
	if series > 60_000 {
		t.Errorf("%d series, want at most 60,000", series)
	}
	if body.Len() > 8<<20 {
		t.Errorf("%d bytes, want at most 8 MiB", body.Len())
	}
}

func TestMetricNamesFollowTheConventions(t *testing.T) {
	gatherer, _ := lead(t, hosting.NewRegistry(hosting.Options{}), &objects{
		databases: []v1alpha1.AttributionDatabase{databaseWithEverything("shop")},
		campaigns: []v1alpha1.ReferralCampaign{campaignWithEverything("invite", "shop", "USD")},
	})
	problems, err := testutil.GatherAndLint(gatherer)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}
