package controllers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
)

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
