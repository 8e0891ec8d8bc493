package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// reversalInterval is how often it is looked at how much is left to be taken back.
const reversalInterval = time.Second

// remove brings the deletion of a campaign into force, which counts from its deletionTimestamp on, whoever else has a
// finalizer on the object: with Retain the campaign is closed, with Reverse everything is taken back that it gave, also if it
// is suspended. Our finalizer stays until that is done, and with Retain there is none. A database that is gone has nothing
// that could be taken back; one that is merely unreachable has, and the campaign stays. Setting Retain lets it go.
//
// Conditions: Terminating.
func (r *ReferralCampaignReconciler) remove(ctx context.Context, campaign *v1alpha1.ReferralCampaign) error {
	reverse := campaign.Spec.DeletionPolicy == v1alpha1.ReverseCredits
	if !reverse {
		if err := setFinalizer(ctx, r.client, campaign, false); err != nil || gone(campaign) {
			return err
		}
	}
	adb, err := r.databaseLeft(ctx, campaign)
	if err != nil {
		return err
	}
	if adb == nil {
		return r.abandon(ctx, campaign, fmt.Sprintf("there is no AttributionDatabase %s/%s", campaign.Namespace, campaign.Spec.DatabaseRef.Name))
	}
	state := r.registry.State(client.ObjectKeyFromObject(adb))
	switch {
	case neverOwned(adb) && campaign.Status.Policy == nil: // and so was never declared
		return r.release(ctx, campaign, "it was never declared")
	case state.Source == sourceOf(adb) && secretGone(state):
		return r.abandon(ctx, campaign, state.Refusal.Error())
	}
	if !reverse {
		if err := r.close(ctx, campaign, adb); err != nil {
			return err
		}
		return r.release(ctx, campaign, "the campaign is closed, and keeps its credits")
	}
	if err := r.reverse(ctx, campaign, adb); err != nil {
		return err
	}
	return r.release(ctx, campaign, "the campaign is closed, and its credits have been taken back")
}

// release takes our finalizer off a campaign with which we are done. As long as others have theirs on it the campaign says
// what has been done.
func (r *ReferralCampaignReconciler) release(ctx context.Context, campaign *v1alpha1.ReferralCampaign, done string) error {
	if err := setFinalizer(ctx, r.client, campaign, false); err != nil || gone(campaign) {
		return err
	}
	return &waitingError{reason: v1alpha1.TerminatingReason, after: compareInterval, err: fmt.Errorf(
		"%s; the object stays until its other finalizers are removed: %s", done, strings.Join(campaign.Finalizers, ", "))}
}

// databaseLeft is the campaign's database; nil: there is none, as the API server itself says.
func (r *ReferralCampaignReconciler) databaseLeft(
	ctx context.Context, campaign *v1alpha1.ReferralCampaign,
) (*v1alpha1.AttributionDatabase, error) {
	name := client.ObjectKey{Namespace: campaign.Namespace, Name: campaign.Spec.DatabaseRef.Name}
	var adb v1alpha1.AttributionDatabase
	err := r.client.Get(ctx, name, &adb)
	if apierrors.IsNotFound(err) {
		err = r.live.Get(ctx, name, &adb)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("while getting AttributionDatabase %s: %w", name, err)
	}
	return &adb, nil
}

// abandon lets a campaign go whose database is gone, credits and all.
func (r *ReferralCampaignReconciler) abandon(ctx context.Context, campaign *v1alpha1.ReferralCampaign, cause string) error {
	waited := controllerutil.ContainsFinalizer(campaign, v1alpha1.Finalizer)
	err := r.release(ctx, campaign, "its credits stay, since its database is gone: "+cause)
	if waited && !controllerutil.ContainsFinalizer(campaign, v1alpha1.Finalizer) {
		r.reporter.event(campaign, corev1.EventTypeWarning, "CreditsKept",
			fmt.Sprintf("let go without taking back its credits, since its database is gone: %s", cause))
	}
	return err
}

// close closes a campaign whose object is still there because of another's finalizer.
func (r *ReferralCampaignReconciler) close(
	ctx context.Context, campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase,
) error {
	err := r.registry.Use(ctx, client.ObjectKeyFromObject(adb), func(ctx context.Context, db *postgres.DB) error {
		return database.DeleteCampaign(ctx, db, string(adb.UID), campaign.Name, string(campaign.UID))
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, hosting.ErrBusy):
		return &waitingError{after: busyInterval, shown: never, err: err}
	}
	return &waitingError{reason: v1alpha1.TerminatingReason, after: recheckInterval, err: fmt.Errorf(
		"it cannot be closed: %s%s", postgres.Message(err), hindrance(adb))}
}

// reverse waits until nothing is left to be taken back. The database is asked whatever its conditions say: it fails fast,
// with the reason.
func (r *ReferralCampaignReconciler) reverse(
	ctx context.Context, campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase,
) error {
	name := client.ObjectKeyFromObject(adb)
	var left int64
	err := r.registry.Use(ctx, name, func(ctx context.Context, db *postgres.DB) error {
		var err error
		left, err = database.ReverseCampaign(ctx, db, string(adb.UID), campaign.Name, string(campaign.UID))
		return err
	})
	switch {
	case errors.Is(err, hosting.ErrBusy):
		return &waitingError{after: busyInterval, shown: never, err: err}
	case err != nil:
		return terminating(campaign, recheckInterval, fmt.Sprintf("its credits cannot be taken back: %s%s", postgres.Message(err), hindrance(adb)))
	case left > 0:
		return terminating(campaign, reversalInterval, fmt.Sprintf("%d pairs are still to be reversed%s", left, hindrance(adb)))
	}
	return nil
}

// hindrance is what of its database keeps a deletion from coming into force; empty: nothing.
func hindrance(adb *v1alpha1.AttributionDatabase) string {
	ready := readyCondition(adb)
	switch {
	case adb.Spec.Suspend:
		return "; " + suspendedDatabase(adb)
	case ready != nil && !usable(adb):
		return fmt.Sprintf("; AttributionDatabase %s is not ready: %s: %s", client.ObjectKeyFromObject(adb), ready.Reason, ready.Message)
	}
	return ""
}

// terminating tells what a deletion waits for, and how to do without it.
func terminating(campaign *v1alpha1.ReferralCampaign, after time.Duration, cause string) error {
	return &waitingError{reason: v1alpha1.TerminatingReason, after: after, err: fmt.Errorf(
		`%s; to keep them and let the campaign go: kubectl -n %s patch referralcampaign %s --type=merge -p '{"spec":{"deletionPolicy":"Retain"}}'`,
		cause, campaign.Namespace, campaign.Name)}
}
