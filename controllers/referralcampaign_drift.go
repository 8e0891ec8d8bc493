package controllers

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// forwardRequests passes the requests of annotations on to the database until they are answered:
// for a resync, and for reversals that were withheld because many rows are missing.
//
// Conditions: DatabaseNotReady.
func (r *ReferralCampaignReconciler) forwardRequests(ctx context.Context, s *campaignScope) error {
	requested, loss := s.campaign.Annotations[v1alpha1.RequestedAtAnnotation], s.counters.Resync.MassReversal
	resync := requested != "" && !s.counters.Resync.Answers(requested)
	allow := loss != nil && loss.ID == s.campaign.Annotations[v1alpha1.AllowReversalsAnnotation]
	if !resync && !allow {
		return nil
	}
	err := r.use(ctx, s, func(ctx context.Context, db *postgres.DB) error {
		var errs []error
		if resync {
			errs = append(errs, database.RequestResync(ctx, db, s.identity(), requested))
		}
		if allow {
			errs = append(errs, database.AllowReversals(ctx, db, s.identity(), loss.ID))
		}
		return errors.Join(errs...)
	}, s.databaseError)
	if err == nil && allow {
		r.registry.Changes().Add(s.databaseName()) // wakes the database's reconciler, which reports that nothing is withheld
	}
	return err
}

// reportMassReversal reports reversals that are withheld, and how to permit them. Without a report
// those of an earlier one are still withheld.
//
// Conditions: MassReversal, which is Stalled.
func (r *ReferralCampaignReconciler) reportMassReversal(_ context.Context, s *campaignScope) error {
	loss := s.counters.Resync.MassReversal
	if loss == nil {
		was := meta.FindStatusCondition(s.campaign.Status.Conditions, v1alpha1.StalledCondition)
		if s.reported || was == nil || was.Reason != v1alpha1.MassReversalReason {
			return nil
		}
		return stalled(was.Reason, "%s", was.Message)
	}
	others := "everything else goes on"
	if s.campaign.Suspended() {
		others = "nothing else is granted or reversed until " + resumption(s.campaign, s.campaign.Spec.Suspend, "")
	}
	return stalled(v1alpha1.MassReversalReason, "the signups or purchases of %d pairs, of %d held or granted, are missing and were probably lost: "+
		"these pairs are not reversed, and %s; restore the missing rows, or reverse the pairs with: kubectl -n %s annotate referralcampaign %s --overwrite %s=%s",
		loss.Pairs, loss.Of, others, s.campaign.Namespace, s.campaign.Name, v1alpha1.AllowReversalsAnnotation, loss.ID)
}

// recordDrift records an event when a resync has ended that repaired drift. The report describes
// the newest resync only; of an earlier one the event gives the number of differences.
func (r *ReferralCampaignReconciler) recordDrift(ctx context.Context, s *campaignScope, before *v1alpha1.ReferralCampaign) {
	was, is := before.Status, s.campaign.Status
	if was.Pairs == nil { // the first report: this drift is older than the object
		return
	}
	if was.LastResyncTime.Equal(is.LastResyncTime) && was.LastHandledReconcileAt == is.LastHandledReconcileAt {
		return
	}
	found := s.counters.Resync.Found
	if corrected := is.DriftCorrected - was.DriftCorrected; found == "" && corrected > 0 {
		found = fmt.Sprintf("%d differences", corrected)
	}
	if found != "" {
		r.reporter.events.note(ctx, s.campaign, corev1.EventTypeWarning, "DriftCorrected", "repaired drift: "+found)
	}
}
