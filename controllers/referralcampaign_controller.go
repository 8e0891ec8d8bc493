package controllers

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// compareInterval is how often a campaign is compared with its declaration in the database if no
// watch triggers a reconcile.
const compareInterval = 10 * time.Minute

// ReferralCampaignReconciler declares a campaign in its database and reports its state there.
//
// It handles the deletion of a campaign for as long as the object exists. A campaign whose object
// went before it was closed is closed by the reconciler of its AttributionDatabase, which finds a
// declaration without an object.
type ReferralCampaignReconciler struct {
	client   client.Client
	live     client.Reader // the API server itself, past the cache
	reporter *reporter
	registry registry
	now      func() time.Time
	absence  *absence
	retries  *busyRetries
	failing  failing // campaigns whose database cannot be used
	refused  failing // campaigns whose database is busy, or waits for other slow ones
}

// registry is the part of hosting.Registry that this reconciler uses.
type registry interface {
	Report(name types.NamespacedName) (database.Status, bool)
	State(name types.NamespacedName) hosting.State
	Changes() *hosting.Feed
	Use(ctx context.Context, name types.NamespacedName, use func(context.Context, *postgres.DB) error) error
}

// +kubebuilder:rbac:groups=referral-operator.io,resources=referralcampaigns,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=referral-operator.io,resources=referralcampaigns/status,verbs=patch

// Reconcile brings one ReferralCampaign into force.
func (r *ReferralCampaignReconciler) Reconcile(ctx context.Context, request ctrl.Request) (result ctrl.Result, err error) {
	r.retries.begin(request.NamespacedName)
	var campaign v1alpha1.ReferralCampaign
	if err := r.reporter.get(ctx, request.NamespacedName, &campaign); err != nil {
		if apierrors.IsNotFound(err) {
			return ctrl.Result{}, r.forget(ctx, request.NamespacedName)
		}
		return ctrl.Result{}, err
	}
	r.absence.reconciles(&campaign)
	if gone(&campaign) {
		return ctrl.Result{}, nil
	}
	before, s := campaign.DeepCopy(), newCampaignScope(&campaign)
	defer func() {
		if gone(&campaign) {
			return
		}
		r.endTrouble(s)
		result, err = conclude(&campaign, s.success, err)
		reported := r.reporter.report(ctx, before, &campaign)
		if reported == nil {
			r.recordDrift(ctx, s, before)
		}
		err = utilerrors.NewAggregate([]error{err, reported})
	}()
	return ctrl.Result{}, runPhases(ctx, s, r.phases(&campaign))
}

// forget drops what is known of a campaign whose object is gone, unless it may be declared: then
// its AttributionDatabase has yet to find it closed, or to be deleted itself.
func (r *ReferralCampaignReconciler) forget(ctx context.Context, campaign client.ObjectKey) error {
	r.failing.ended(campaign)
	r.refused.ended(campaign)
	name, known := r.absence.objectGone(campaign)
	if !known {
		return nil
	}
	adb, err := find(ctx, r.client, name, &v1alpha1.AttributionDatabase{})
	if err == nil && (adb == nil || adb.Status.Owner == "") {
		r.absence.forgetUndeclared(name, r.absence.goneFrom(name), nil)
	}
	return err
}

// phases returns what a reconcile of the campaign does, in order. A declared edit is reported as
// in force only when its effects show in the counters.
func (r *ReferralCampaignReconciler) phases(campaign *v1alpha1.ReferralCampaign) []phase[*campaignScope] {
	if !campaign.DeletionTimestamp.IsZero() {
		return []phase[*campaignScope]{r.read, r.reportCounters, r.remove}
	}
	phases := []phase[*campaignScope]{
		r.read,
		r.ensureFinalizer, // before the first declaration
		r.requireDatabase,
		r.resolveTerms,
		r.reportCounters,
		r.awaitDatabase,
		r.declare,
		r.forwardRequests,
	}
	if campaign.Suspended() { // this is what the spec asks for, with or without a policy
		return append(phases, r.reportDeclaration, r.reportMassReversal, r.reportSuspension)
	}
	return append(phases,
		r.awaitFreshCounters,
		r.reportDeclaration,
		r.reportMassReversal,
		r.reportTermsError,
		r.awaitRollout,
		r.reportBudget,
	)
}

// ensureFinalizer keeps a finalizer on campaigns that reverse their credits when they are deleted,
// and on no others.
func (r *ReferralCampaignReconciler) ensureFinalizer(ctx context.Context, s *campaignScope) error {
	return setFinalizer(ctx, r.client, r.live, s.campaign, s.campaign.Spec.DeletionPolicy == v1alpha1.ReverseCredits)
}
