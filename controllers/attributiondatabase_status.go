package controllers

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// reportSchema reports what was observed, publishes it to the campaigns' reconciler, and wakes the
// campaigns whose counters have changed. Without memory for the report the database can be used all
// the same: its campaigns are declared, and their counters stay as they are. Of a schema of other
// versions, which a suspended database keeps, it reports the version and the owner alone.
func (r *AttributionDatabaseReconciler) reportSchema(ctx context.Context, s *databaseScope) error {
	status := &s.adb.Status
	status.SchemaVersion = int64(s.schema.Versions.Schema)
	status.Owner = s.schema.Owner.Name
	if !s.current() {
		return nil
	}
	status.ServerVersion = s.schema.ServerVersion
	status.PendingChanges = s.schema.PendingChanges
	status.SetAside = s.schema.SetAside
	status.OldestPendingChange = timeOf(s.schema.OldestPendingChange)
	incidents := closedIncidents(s.schema.Campaigns)
	s.success.message = withWarnings(s.success.message, incidents)

	if s.quiet {
		return nil
	}
	was, _ := r.registry.Report(s.name)
	if err := r.registry.SetReport(s.name, s.schema, s.moment); err != nil {
		r.reportUnreported(ctx, s, err)
		return nil
	}
	if note := newIncidents(closedIncidents(was.Campaigns), incidents); note != "" {
		r.reporter.events.note(ctx, s.adb, corev1.EventTypeWarning, v1alpha1.MassReversalReason, note)
	}
	for campaign := range differing(was.Campaigns, s.schema.Campaigns) {
		r.moved.Add(client.ObjectKey{Namespace: s.name.Namespace, Name: campaign})
	}
	return nil
}

// missingRowsPage says how to permit reversals.
const missingRowsPage = "https://github.com/referral-operator/referral-operator/blob/main/docs/drift.md#rows-that-are-missing"

// closedIncidents says which reversals of closed campaigns are withheld, and how to permit them:
// these campaigns have no object that could report it.
func closedIncidents(campaigns []database.CampaignStatus) []string {
	var incidents []string
	for name, loss := range closedLosses(campaigns) {
		incidents = append(incidents, fmt.Sprintf("%d pairs of the closed campaign %s are not reversed, since their signups or purchases "+
			"are missing (incident %s): restore the missing rows, or permit the reversals as %s says", loss.Pairs, name, loss.ID, missingRowsPage))
	}
	return incidents
}

// closedLosses yields the incidents of closed campaigns by the campaign's name.
func closedLosses(campaigns []database.CampaignStatus) iter.Seq2[string, *database.MassReversal] {
	return func(yield func(string, *database.MassReversal) bool) {
		for i := range campaigns {
			campaign := &campaigns[i]
			if loss := campaign.Resync.MassReversal; loss != nil && campaign.Mode == database.Closed && !yield(campaign.Name, loss) {
				return
			}
		}
	}
}

// newIncidents says in one note which incidents were not there before: a database may have
// thousands. Empty: none.
func newIncidents(before, now []string) string {
	begun := sets.New(now...).Delete(before...)
	if len(begun) == 0 {
		return ""
	}
	note := slices.Min(begun.UnsortedList())
	if more := int64(len(begun) - 1); more > 0 {
		note += "; the same has happened in " + plural(more, "further closed campaign", "further closed campaigns")
	}
	return note
}

// reportUnreported reports that the counters of campaigns are not published, which leaves Ready
// True: in the message of Ready, and with an event and a log line when that begins.
func (r *AttributionDatabaseReconciler) reportUnreported(ctx context.Context, s *databaseScope, cause error) {
	message := "the counters of the campaigns are not reported: " + cause.Error()
	s.success.message += "; " + message
	if s.host.Unreported {
		return
	}
	ctrl.LoggerFrom(ctx).Info("The counters of campaigns are not reported", "reason", cause.Error())
	r.reporter.events.note(ctx, s.adb, corev1.EventTypeWarning, "CountersNotReported", message)
}

// differing returns the names of the campaigns that differ between two reports, or that only one of
// them has.
func differing(was, is []database.CampaignStatus) map[string]struct{} {
	names := map[string]struct{}{}
	before := map[string]database.CampaignStatus{}
	for _, campaign := range was {
		before[campaign.Name] = campaign
		names[campaign.Name] = struct{}{}
	}
	for _, campaign := range is {
		names[campaign.Name] = struct{}{}
		if earlier, ok := before[campaign.Name]; ok && reflect.DeepEqual(earlier, campaign) {
			delete(names, campaign.Name)
		}
	}
	return names
}

// timeOf is a time as status has it; nil for the zero time.
func timeOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return new(shownTime(t))
}

// shownTime is a time as status has it: in whole seconds, of the years that RFC 3339 has, and not
// the zero time, which a status has as null. The API server refuses a status with any other.
func shownTime(t time.Time) metav1.Time {
	shown := postgres.Representable(t).Truncate(time.Second)
	if shown.IsZero() {
		shown = shown.Add(time.Second)
	}
	return metav1.Time{Time: shown}
}
