package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// reversalInterval is how often it is looked at how much is left to be taken back.
const reversalInterval = time.Second

// takeBack has everything reversed that a campaign with deletionPolicy Reverse gave, and lets the campaign go once nothing
// is left: also if it is suspended. A database that is gone has nothing that could be taken back; one that is merely
// unreachable has, and the campaign stays. Whoever does not want to wait sets Retain.
//
// Conditions: Terminating.
func (r *ReferralCampaignReconciler) takeBack(ctx context.Context, campaign *v1alpha1.ReferralCampaign) error {
	if campaign.Spec.DeletionPolicy != v1alpha1.ReverseCredits {
		return setFinalizer(ctx, r.client, campaign, false)
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
		return setFinalizer(ctx, r.client, campaign, false)
	case state.Source == sourceOf(adb) && secretGone(state):
		return r.abandon(ctx, campaign, state.Refusal.Error())
	}
	if err := r.reverse(ctx, campaign, adb); err != nil {
		return err
	}
	return setFinalizer(ctx, r.client, campaign, false)
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
	if err := setFinalizer(ctx, r.client, campaign, false); err != nil {
		return err
	}
	r.reporter.event(campaign, corev1.EventTypeWarning, "CreditsKept",
		fmt.Sprintf("let go without taking back its credits, since its database is gone: %s", cause))
	return nil
}

// reverse waits until nothing is left to be taken back. The database is asked whatever its conditions say: it fails fast,
// with the reason.
func (r *ReferralCampaignReconciler) reverse(
	ctx context.Context, campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase,
) error {
	name := client.ObjectKeyFromObject(adb)
	var left int64
	err := r.registry.Use(ctx, name, func(ctx context.Context, db *database.DB) error {
		var err error
		left, err = database.ReverseCampaign(ctx, db, string(adb.UID), campaign.Name, string(campaign.UID))
		return err
	})
	hindrance := ""
	switch ready := readyCondition(adb); {
	case adb.Spec.Suspend:
		hindrance = "; " + suspendedDatabase(adb)
	case ready != nil && ready.Status != metav1.ConditionTrue && !harmless[ready.Reason]:
		hindrance = fmt.Sprintf("; AttributionDatabase %s is not ready: %s: %s", name, ready.Reason, ready.Message)
	}
	switch {
	case errors.Is(err, hosting.ErrBusy):
		return &waitingError{after: busyInterval, shown: never, err: err}
	case err != nil:
		return terminating(campaign, recheckInterval, fmt.Sprintf("its credits cannot be taken back: %s%s", database.Message(err), hindrance))
	case left > 0:
		return terminating(campaign, reversalInterval, fmt.Sprintf("%d pairs are still to be reversed%s", left, hindrance))
	}
	return nil
}

// terminating tells what a deletion waits for, and how to do without it.
func terminating(campaign *v1alpha1.ReferralCampaign, after time.Duration, cause string) error {
	return &waitingError{reason: v1alpha1.TerminatingReason, after: after, err: fmt.Errorf(
		`%s; to keep them and let the campaign go: kubectl -n %s patch referralcampaign %s --type=merge -p '{"spec":{"deletionPolicy":"Retain"}}'`,
		cause, campaign.Namespace, campaign.Name)}
}
