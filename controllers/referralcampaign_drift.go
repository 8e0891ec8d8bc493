package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// ask passes on what annotations ask for until it is answered: a full comparison, and the permission to reverse what was
// withheld because so many rows are missing.
//
// Conditions: DatabaseNotReady.
func (r *ReferralCampaignReconciler) ask(ctx context.Context, campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase) error {
	counters, _ := r.counters(campaign, adb)
	requested, loss := campaign.Annotations[v1alpha1.RequestedAtAnnotation], counters.Resync.MassReversal
	// Postgres has no text with the character NUL in it.
	resync := requested != "" && requested != counters.Resync.Handled && !strings.Contains(requested, "\x00")
	allow := loss != nil && loss.ID == campaign.Annotations[v1alpha1.AllowReversalsAnnotation]
	if !resync && !allow {
		return nil
	}
	name := client.ObjectKeyFromObject(adb)
	err := r.registry.Use(ctx, name, func(ctx context.Context, db *postgres.DB) error {
		var errs []error
		if resync {
			errs = append(errs, database.RequestResync(ctx, db, string(adb.UID), campaign.Name, requested))
		}
		if allow {
			errs = append(errs, database.AllowReversals(ctx, db, string(adb.UID), campaign.Name, loss.ID))
		}
		return errors.Join(errs...)
	})
	if err == nil && allow {
		r.registry.Changes().Add(name) // for its reconciler to see that nothing is withheld any more
	}
	return unusable(adb, err)
}

// massReversal tells of reversals that are withheld, and how to permit them.
//
// Conditions: MassReversal, which is Stalled.
func (r *ReferralCampaignReconciler) massReversal(campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase) error {
	counters, _ := r.counters(campaign, adb)
	loss := counters.Resync.MassReversal
	if loss == nil {
		return nil
	}
	return stalled(v1alpha1.MassReversalReason, "the signups or purchases of %d pairs, of %d held or granted, are missing, as if they had been "+
		"lost rather than taken back: these pairs are not reversed, and everything else goes on; restore the missing rows, or reverse the "+
		"pairs with: kubectl -n %s annotate referralcampaign %s --overwrite %s=%s",
		loss.Pairs, loss.Of, campaign.Namespace, campaign.Name, v1alpha1.AllowReversalsAnnotation, loss.ID)
}

// tellDrift records an event when a comparison has ended that put right what nobody declared. What it found is known then;
// that of one that ended while nobody looked is only counted.
func (r *ReferralCampaignReconciler) tellDrift(before, after *v1alpha1.ReferralCampaign) {
	was, is := before.Status, after.Status
	if was.Pairs == nil { // what was there before this object is no news
		return
	}
	if was.LastResyncTime.Equal(is.LastResyncTime) && was.LastHandledReconcileAt == is.LastHandledReconcileAt {
		return
	}
	report, _ := r.registry.Report(client.ObjectKey{Namespace: after.Namespace, Name: after.Spec.DatabaseRef.Name})
	found := find(report, after.Name).Resync.Found
	if corrected := is.DriftCorrected - was.DriftCorrected; found == "" && corrected > 0 {
		found = fmt.Sprintf("%d differences", corrected)
	}
	if found != "" {
		r.reporter.event(after, corev1.EventTypeWarning, "DriftCorrected", "put right what nobody declared: "+found)
	}
}
