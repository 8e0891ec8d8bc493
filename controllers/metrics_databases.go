package controllers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

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
