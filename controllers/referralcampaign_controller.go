package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// compareInterval is how often a campaign is compared with what is declared in the database although nothing woke us.
const compareInterval = 10 * time.Minute

// ReferralCampaignReconciler declares a campaign in its database and reports what has come of it.
//
// It attends to a campaign that is being deleted as long as its object is there. One that went before that was closed is
// closed by the reconciler of its database, which finds a declaration without an object.
type ReferralCampaignReconciler struct {
	client   client.Client
	live     client.Reader
	reporter reporter
	registry registry
	now      func() time.Time
	absence  *absence
}

// registry is what this reconciler uses of the databases that this process hosts.
type registry interface {
	Report(types.NamespacedName) (database.Status, bool)
	State(types.NamespacedName) hosting.State
	Changes() *hosting.Feed
	Use(context.Context, types.NamespacedName, func(context.Context, *database.DB) error) error
}

// +kubebuilder:rbac:groups=referral-operator.io,resources=referralcampaigns,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=referral-operator.io,resources=referralcampaigns/status,verbs=patch

// Reconcile brings one ReferralCampaign into force.
func (r *ReferralCampaignReconciler) Reconcile(ctx context.Context, request ctrl.Request) (result ctrl.Result, err error) {
	var campaign v1alpha1.ReferralCampaign
	if err := r.client.Get(ctx, request.NamespacedName, &campaign); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	r.absence.saw(&campaign)
	if gone(&campaign) {
		return ctrl.Result{}, nil
	}
	before := campaign.DeepCopy()
	good := verdict{reason: v1alpha1.ReadyReason, message: "in force", again: compareInterval}
	defer func() {
		if gone(&campaign) {
			return
		}
		result, err = conclude(&campaign, good, err)
		reported := r.reporter.report(ctx, before, &campaign)
		if reported == nil {
			r.tellDrift(before, &campaign)
		}
		err = utilerrors.NewAggregate([]error{err, reported})
	}()

	if !campaign.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.remove(ctx, &campaign)
	}
	// Before the first declaration.
	if err := setFinalizer(ctx, r.client, &campaign, campaign.Spec.DeletionPolicy == v1alpha1.ReverseCredits); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.converge(ctx, &campaign, &good)
}

// converge declares the campaign and tells what has come of it. Nothing of a declared change is reported before what it
// has set going can be seen.
func (r *ReferralCampaignReconciler) converge(ctx context.Context, campaign *v1alpha1.ReferralCampaign, good *verdict) error {
	adb, err := r.database(ctx, campaign)
	if err != nil {
		return err
	}
	follows, lacking, err := r.policy(ctx, campaign)
	if err != nil {
		return err
	}
	r.count(campaign, adb, follows)
	if err := r.usable(adb); err != nil {
		return err
	}
	declared, err := r.declare(ctx, campaign, adb, follows)
	if err != nil {
		return err
	}
	if err := r.ask(ctx, campaign, adb); err != nil {
		return err
	}
	if campaign.Spec.Suspend { // which is what was asked for, policy or not
		r.inForce(campaign, adb, follows, declared)
		good.reason, good.message = v1alpha1.SuspendedReason, "nothing is granted or reversed until spec.suspend is false"
		return nil
	}
	if err := r.seen(campaign, adb, declared); err != nil {
		return err
	}
	r.inForce(campaign, adb, follows, declared)
	for _, err := range []error{r.massReversal(campaign, adb), lacking, r.rollout(campaign, adb)} {
		if err != nil {
			return err
		}
	}
	r.room(campaign, adb, follows, good)
	return nil
}
