package controllers

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
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

// databaseMetrics describe an AttributionDatabase.
type databaseMetrics struct {
	ready, pending, oldest, setAside, withheld, violations, verificationDue, privileged *prometheus.Desc
}

func newDatabaseMetrics() databaseMetrics {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("referral_database_"+name, help, append([]string{"namespace", "database"}, labels...), nil)
	}
	return databaseMetrics{
		ready:    describe("ready", "1 if the condition Ready of the AttributionDatabase is true, else 0; with its reason.", "reason"),
		pending:  describe("pending_changes", "Changes of facts waiting to be decided, counted up to 10,000."),
		oldest:   describe("oldest_pending_change_age_seconds", "Age of the oldest change of facts waiting to be decided; 0: none waits."),
		setAside: describe("set_aside_referees", "Referees whose facts could not be decided."),
		withheld: describe("closed_withheld_pairs",
			"Pairs of closed campaigns, which have no ReferralCampaign, whose reversal is withheld, by cause, until a person permits it. "+
				"Absent before the database has been reported on.", "cause"),
		violations: describe("violations",
			"Rows, or sums of rows, that contradicted each other in the last verification. Absent before the first one."),
		verificationDue: describe("verification_due_timestamp_seconds",
			"When the next verification should end, as seconds since 1970: spec.verifyInterval after the last one, give or take a tenth. "+
				"Absent while the database is suspended and its schema waits to be migrated."),
		privileged: describe("privileged_role", "1 if the user of the connection URI may become a superuser of the server, else 0."),
	}
}

func (d *databaseMetrics) all() []*prometheus.Desc {
	return []*prometheus.Desc{d.ready, d.pending, d.oldest, d.setAside, d.withheld, d.violations, d.verificationDue, d.privileged}
}

// collectDatabases also returns which databases are suspended.
func (m *Metrics) collectDatabases(now *leading, samples chan<- prometheus.Metric) (suspended map[types.NamespacedName]bool) {
	var list v1alpha1.AttributionDatabaseList
	if !now.list(&list) {
		return nil
	}
	suspended = map[types.NamespacedName]bool{}
	for i := range list.Items {
		adb := &list.Items[i]
		m.databases.collect(adb, samples)
		if report, read := m.registry.Report(client.ObjectKeyFromObject(adb)); read {
			m.databases.collectWithheld(adb, &report, samples)
		}
		if at, due := nextDue(adb, m.registry.State(client.ObjectKeyFromObject(adb)).Phase); due {
			sender(samples, adb.Namespace, adb.Name)(m.databases.verificationDue, float64(at.Unix()))
		}
		if adb.Suspended() {
			suspended[client.ObjectKeyFromObject(adb)] = true
		}
	}
	return suspended
}

func (d *databaseMetrics) collect(adb *v1alpha1.AttributionDatabase, samples chan<- prometheus.Metric) {
	send := sender(samples, adb.Namespace, adb.Name)
	status := &adb.Status
	ready, reason := readyOf(status.Conditions)
	send(d.ready, ready, reason)
	send(d.pending, float64(status.PendingChanges))
	send(d.oldest, ageOf(status.OldestPendingChange))
	send(d.setAside, float64(status.SetAside))
	send(d.privileged, number(meta.IsStatusConditionTrue(status.Conditions, v1alpha1.PrivilegedRoleCondition)))
	if verification := status.Verification; verification != nil && verification.LastTime != nil {
		send(d.violations, float64(verification.Violations))
	}
}

func (d *databaseMetrics) collectWithheld(adb *v1alpha1.AttributionDatabase, report *database.Status, samples chan<- prometheus.Metric) {
	pairs := 0.0
	for _, loss := range closedLosses(report.Campaigns) {
		pairs += float64(loss.Pairs)
	}
	sender(samples, adb.Namespace, adb.Name)(d.withheld, pairs, v1alpha1.MassReversalReason)
}

// nextDue is when the next verification of a database should end; false: none can, since only a
// database that is served is verified, and a suspended one is not migrated.
func nextDue(adb *v1alpha1.AttributionDatabase, phase hosting.Phase) (at time.Time, due bool) {
	switch verification := adb.Status.Verification; {
	case adb.Suspended() && phase == hosting.Connected:
		return time.Time{}, false
	case verification != nil && verification.LastTime != nil:
		return nextVerification(adb), true
	default:
		return adb.CreationTimestamp.Add(verifyInterval(adb)), true
	}
}

// campaignMetrics describe a ReferralCampaign.
type campaignMetrics struct {
	ready, pairs, granted, reversed, budget, remaining, withheld, rollout, drift, resyncDue *prometheus.Desc
}

func newCampaignMetrics() campaignMetrics {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("referral_campaign_"+name, help, append([]string{"namespace", "campaign", "database"}, labels...), nil)
	}
	const currencies = " In major units. At most 4 currencies; with more, 3 and the sum of the others' amounts as other."
	return campaignMetrics{
		ready:    describe("ready", "1 if the condition Ready of the ReferralCampaign is true, else 0; with its reason.", "reason"),
		pairs:    describe("pairs", "Pairs by state; AwaitingPurchase: attributed signups without a pair.", "state"),
		granted:  describe("credit_granted", "Net granted credit: grants less reversals."+currencies, "currency"),
		reversed: describe("credit_reversed", "Credit taken back so far."+currencies, "currency"),
		budget:   describe("budget", "spec.budget, in major units. Absent without a budget.", "currency"),
		remaining: describe("budget_remaining",
			"Budget less what is granted and held, in major units; below zero after the budget was lowered. Absent without a budget.", "currency"),
		withheld: describe("withheld_pairs", "Pairs whose reversal is withheld, by cause, until a person permits it. Absent before the campaign has been reported on.", "cause"),
		rollout:  describe("rollout_pairs_remaining", "Existing pairs that the newest edit of the policy reaches and that have not been decided again. Absent before the campaign has been reported on."),
		drift:    describe("drift_corrected", "Differences that no edit or fact declared and that resyncs have repaired so far. Absent before the campaign has been reported on."),
		resyncDue: describe("resync_due_timestamp_seconds",
			"When the next resync should end, as seconds since 1970: spec.resyncInterval after the last one or, before the first one, after the campaign was last declared. "+
				"Absent while campaign or database is suspended, before the campaign has been declared and reported on, and while it is being deleted."),
	}
}

func (c *campaignMetrics) all() []*prometheus.Desc {
	return []*prometheus.Desc{
		c.ready, c.pairs, c.granted, c.reversed, c.budget, c.remaining, c.withheld, c.rollout, c.drift, c.resyncDue,
	}
}

func (m *Metrics) collectCampaigns(now *leading, suspended map[types.NamespacedName]bool, samples chan<- prometheus.Metric) {
	var list v1alpha1.ReferralCampaignList
	if !now.list(&list) {
		return
	}
	reports := m.reportsOn(list.Items)
	for i := range list.Items {
		campaign := &list.Items[i]
		database := types.NamespacedName{Namespace: campaign.Namespace, Name: campaign.Spec.DatabaseRef.Name}
		report := reports[declaredCampaign{database, campaign.Name}]
		m.campaigns.collect(campaign, report, samples)
		if report != nil {
			m.campaigns.collectWithheld(campaign, report, samples)
		}
		if compared(campaign) && !suspended[database] {
			m.campaigns.collectDue(campaign, report, samples)
		}
	}
}

// compared reports whether resyncs of the campaign are due, if its database is not suspended: it
// has been declared, and is neither suspended nor being deleted.
func compared(campaign *v1alpha1.ReferralCampaign) bool {
	return campaign.Status.Policy != nil && campaign.DeletionTimestamp.IsZero() && !campaign.Suspended()
}

// declaredCampaign identifies a campaign in its database. Another database may have one of the same
// name, whose object is gone.
type declaredCampaign struct {
	database types.NamespacedName
	name     string
}

// reportsOn returns the newest report on each campaign by its database. A campaign that has not been
// reported on is missing.
func (m *Metrics) reportsOn(campaigns []v1alpha1.ReferralCampaign) map[declaredCampaign]*database.CampaignStatus {
	reports := map[declaredCampaign]*database.CampaignStatus{}
	read := map[types.NamespacedName]bool{}
	for i := range campaigns {
		database := types.NamespacedName{Namespace: campaigns[i].Namespace, Name: campaigns[i].Spec.DatabaseRef.Name}
		if read[database] {
			continue
		}
		read[database] = true
		report, _ := m.registry.Report(database)
		for j := range report.Campaigns {
			reports[declaredCampaign{database, report.Campaigns[j].Name}] = &report.Campaigns[j]
		}
	}
	return reports
}

func (c *campaignMetrics) collect(campaign *v1alpha1.ReferralCampaign, report *database.CampaignStatus, samples chan<- prometheus.Metric) {
	send := sender(samples, campaign.Namespace, campaign.Name, campaign.Spec.DatabaseRef.Name)
	status := &campaign.Status
	ready, reason := readyOf(status.Conditions)
	send(c.ready, ready, reason)
	if pairs := status.Pairs; pairs != nil {
		send(c.pairs, float64(pairs.AwaitingPurchase), "AwaitingPurchase")
		send(c.pairs, float64(pairs.Waiting), "Waiting")
		send(c.pairs, float64(pairs.Held), "Held")
		send(c.pairs, float64(pairs.Granted), "Granted")
		send(c.pairs, float64(pairs.Reversed), "Reversed")
		remaining := 0.0
		if rollout := status.Rollout; rollout != nil {
			remaining = float64(max(0, rollout.Total-rollout.Decided))
		}
		send(c.rollout, remaining)
		send(c.drift, float64(status.DriftCorrected))
	}
	budget := campaign.Spec.Budget
	if budget != nil {
		send(c.budget, numberOf(budget.Amount), budget.Currency)
	}
	for _, credit := range status.Credits {
		if budget != nil && credit.Currency == budget.Currency && credit.BudgetRemaining != "" {
			send(c.remaining, numberOf(credit.BudgetRemaining), credit.Currency)
		}
	}
	for _, credit := range shownCredits(allCredits(status.Credits, report), budget) {
		send(c.granted, credit.granted, credit.currency)
		send(c.reversed, credit.reversed, credit.currency)
	}
}

func (c *campaignMetrics) collectWithheld(campaign *v1alpha1.ReferralCampaign, report *database.CampaignStatus, samples chan<- prometheus.Metric) {
	send := sender(samples, campaign.Namespace, campaign.Name, campaign.Spec.DatabaseRef.Name)
	pairs := int64(0)
	if loss := report.Resync.MassReversal; loss != nil {
		pairs = loss.Pairs
	}
	send(c.withheld, float64(pairs), v1alpha1.MassReversalReason)
}

// collectDue says when the next resync of a campaign should end, as the database decides when it
// begins. A campaign that was never compared may have been created long before it could be declared,
// or suspended.
func (c *campaignMetrics) collectDue(campaign *v1alpha1.ReferralCampaign, report *database.CampaignStatus, samples chan<- prometheus.Metric) {
	var from time.Time
	switch last := campaign.Status.LastResyncTime; {
	case last != nil:
		from = last.Time
	case report != nil:
		from = report.DeclaredAt
	}
	if interval := campaign.Spec.ResyncInterval; interval != nil && !from.IsZero() {
		send := sender(samples, campaign.Namespace, campaign.Name, campaign.Spec.DatabaseRef.Name)
		send(c.resyncDue, float64(from.Add(interval.Duration).Unix()))
	}
}

const (
	// mostCurrencies bounds the currencies of one campaign that have series.
	mostCurrencies = 4

	// otherCurrency is the label of the sum of all further currencies.
	otherCurrency = "other"
)

// shownCredit is a campaign's credit in one currency, or in all further ones.
type shownCredit struct {
	currency          string
	granted, reversed float64
}

// allCredits are a campaign's credits in all currencies. A status that has as many as it may have may
// lack some, which the report has.
func allCredits(credits []v1alpha1.CurrencyCredit, report *database.CampaignStatus) []v1alpha1.CurrencyCredit {
	if report == nil || len(credits) < v1alpha1.MaxCreditCurrencies {
		return credits
	}
	all := slices.Clone(credits)
	for _, sum := range report.Credits {
		if !slices.ContainsFunc(credits, func(c v1alpha1.CurrencyCredit) bool { return c.Currency == sum.Currency }) {
			all = append(all, creditOf(sum))
		}
	}
	return all
}

// shownCredits are the credits that have series, one for each label: the budget's currency first,
// then by currency. The last one is the sum of all that are too many.
func shownCredits(credits []v1alpha1.CurrencyCredit, budget *v1alpha1.Money) []shownCredit {
	sorted := slices.Clone(credits)
	slices.SortStableFunc(sorted, func(a, b v1alpha1.CurrencyCredit) int {
		if budget != nil && a.Currency != b.Currency {
			switch budget.Currency {
			case a.Currency:
				return -1
			case b.Currency:
				return 1
			}
		}
		return strings.Compare(a.Currency, b.Currency)
	})
	var shown []shownCredit
	for i, credit := range sorted {
		label := credit.Currency
		if len(sorted) > mostCurrencies && i >= mostCurrencies-1 {
			label = otherCurrency
		}
		at := slices.IndexFunc(shown, func(s shownCredit) bool { return s.currency == label })
		if at < 0 { // else there would be two equal series, and no scrape would succeed
			at = len(shown)
			shown = append(shown, shownCredit{currency: label})
		}
		shown[at].granted += numberOf(credit.Granted)
		shown[at].reversed += numberOf(credit.Reversed)
	}
	return shown
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
