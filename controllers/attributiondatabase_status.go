package controllers

import (
	"context"
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// reportSchema reports what was observed, publishes it to the campaigns' reconciler, and wakes the
// campaigns whose counters have changed.
func (r *AttributionDatabaseReconciler) reportSchema(_ context.Context, s *databaseScope) error {
	status := &s.adb.Status
	status.ServerVersion = s.schema.ServerVersion
	status.SchemaVersion = int64(s.schema.SchemaVersion)
	status.Owner = s.schema.Owner.Name
	status.PendingChanges = s.schema.PendingChanges
	status.SetAside = s.schema.SetAside
	status.OldestPendingChange = timeOf(s.schema.OldestPendingChange)

	if s.quiet {
		return nil
	}
	was, _ := r.registry.Report(s.name)
	if err := r.registry.SetReport(s.name, s.schema, s.moment); err != nil {
		return err
	}
	for campaign := range differing(was.Campaigns, s.schema.Campaigns) {
		r.moved.Add(client.ObjectKey{Namespace: s.name.Namespace, Name: campaign})
	}
	return nil
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

// shownTime is a time as status has it: in whole seconds, of the years that RFC 3339 has. The API
// server refuses a status with any other.
func shownTime(t time.Time) metav1.Time {
	return metav1.Time{Time: postgres.Representable(t).Truncate(time.Second)}
}
