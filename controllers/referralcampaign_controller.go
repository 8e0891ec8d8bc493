package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/terms"
)

// compareInterval is how often a campaign is compared with what is declared in the database although nothing woke us.
const compareInterval = 10 * time.Minute

// ReferralCampaignReconciler declares a campaign in its database and reports what has come of it.
//
// A campaign that is deleted is closed by the reconciler of its database, which finds a declaration without an object.
type ReferralCampaignReconciler struct {
	client   client.Client
	reporter reporter
	registry *hosting.Registry
	now      func() time.Time
}

// +kubebuilder:rbac:groups=referral-operator.io,resources=referralcampaigns,verbs=get;list;watch
// +kubebuilder:rbac:groups=referral-operator.io,resources=referralcampaigns/status,verbs=patch

// Reconcile brings one ReferralCampaign into force.
func (r *ReferralCampaignReconciler) Reconcile(ctx context.Context, request ctrl.Request) (result ctrl.Result, err error) {
	var campaign v1alpha1.ReferralCampaign
	if err := r.client.Get(ctx, request.NamespacedName, &campaign); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !campaign.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	before := campaign.DeepCopy()
	good := verdict{reason: v1alpha1.ReadyReason, message: "in force", again: compareInterval}
	if campaign.Spec.Suspend {
		good.reason, good.message = v1alpha1.SuspendedReason, "nothing is granted or reversed until spec.suspend is false"
	}
	defer func() {
		result, err = conclude(&campaign, good, err)
		err = utilerrors.NewAggregate([]error{err, r.reporter.report(ctx, before, &campaign)})
	}()

	adb, err := r.database(ctx, &campaign)
	if err != nil {
		return ctrl.Result{}, err
	}
	follows, lacking, err := r.policy(ctx, &campaign)
	if err != nil {
		return ctrl.Result{}, err
	}
	r.count(&campaign, adb, follows)
	if err := r.usable(adb); err != nil {
		return ctrl.Result{}, err
	}
	if err := r.declare(ctx, &campaign, adb, follows); err != nil {
		return ctrl.Result{}, err
	}
	if campaign.Spec.Suspend {
		return ctrl.Result{}, nil // which is what was asked for, policy or not
	}
	return ctrl.Result{}, lacking
}

// followed is the policy that a campaign is to follow. Without terms it follows those that are in force.
type followed struct {
	mode   reward.Mode
	policy database.Policy
	terms  *reward.Terms
}

// policy reads the campaign's policy. One that is missing, or cannot work, is no reason not to declare what the campaign
// itself says: lacking is then what is to be told in the end.
//
// Conditions: PolicyNotFound, PolicyInvalid.
func (r *ReferralCampaignReconciler) policy(ctx context.Context, campaign *v1alpha1.ReferralCampaign) (follows followed, lacking, err error) {
	follows.mode = reward.Open
	if campaign.Spec.Suspend {
		follows.mode = reward.Suspended
	}
	name := client.ObjectKey{Namespace: campaign.Namespace, Name: campaign.Spec.PolicyRef.Name}
	var policy v1alpha1.RewardPolicy
	err = r.client.Get(ctx, name, &policy)
	if apierrors.IsNotFound(err) {
		if !campaign.Spec.Suspend {
			follows.mode = reward.PolicyMissing
		}
		lacking = waiting(v1alpha1.PolicyNotFoundReason,
			"spec.policyRef: there is no RewardPolicy %s; nothing new is admitted until there is", name)
		return follows, lacking, nil
	}
	if err != nil {
		return follows, nil, fmt.Errorf("while getting RewardPolicy %s: %w", name, err)
	}
	normalised, err := terms.FromPolicy(&policy.Spec)
	if err != nil {
		lacking = waiting(v1alpha1.PolicyInvalidReason,
			"RewardPolicy %s: %w; the terms declared last stay in force", name, err)
		return follows, lacking, nil
	}
	follows.policy = database.Policy{Name: policy.Name, UID: string(policy.UID), Generation: policy.Generation}
	follows.terms = &normalised
	return follows, nil, nil
}

// declare puts the campaign into force. Once it has returned nothing commits that was decided under what was in force
// before, so that a status written afterwards is the truth.
//
// Conditions: DatabaseNotReady.
func (r *ReferralCampaignReconciler) declare(
	ctx context.Context, campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase, follows followed,
) error {
	declaration, err := declarationOf(campaign, adb, follows)
	if err != nil {
		return err
	}
	var declared database.Declared
	err = r.registry.Use(ctx, client.ObjectKeyFromObject(adb), func(ctx context.Context, db *database.DB) error {
		var err error
		declared, err = database.Declare(ctx, db, declaration)
		return err
	})
	switch {
	case errors.Is(err, hosting.ErrBusy):
		return &waitingError{after: busyInterval, shown: never, err: err}
	case err != nil:
		return notReady(adb, err)
	case declared.Stale:
		return &waitingError{after: staleInterval, shown: never, err: errors.New("a newer generation is in force already")}
	case declared.Revision == 0:
		campaign.Status.Policy = nil
	case follows.terms != nil:
		campaign.Status.Policy = &v1alpha1.PolicyInForce{
			Name: campaign.Spec.PolicyRef.Name, Revision: int64(declared.Revision), Digest: declared.Digest,
		}
	}
	return nil
}

func declarationOf(
	campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase, follows followed,
) (database.Declaration, error) {
	declaration := database.Declaration{
		OwnerUID:    string(adb.UID),
		Name:        campaign.Name,
		Mode:        follows.mode,
		Destination: campaign.Spec.Destination,
		UID:         string(campaign.UID),
		Generation:  campaign.Generation,
		Policy:      follows.policy,
		Scope:       string(v1alpha1.NewPairs),
	}
	if campaign.Spec.StartsAt != nil {
		declaration.StartsAt = campaign.Spec.StartsAt.Time
	}
	if campaign.Spec.EndsAt != nil {
		declaration.EndsAt = campaign.Spec.EndsAt.Time
	}
	if campaign.Spec.AttributionWindow != nil {
		declaration.AttributionWindow = campaign.Spec.AttributionWindow.Duration
	}
	if follows.terms == nil {
		return declaration, nil
	}
	encoded, err := json.Marshal(follows.terms)
	if err != nil {
		return declaration, fmt.Errorf("while encoding the terms of RewardPolicy %s: %w", follows.policy.Name, err)
	}
	declaration.Terms, declaration.Digest = encoded, follows.terms.Digest()
	return declaration, nil
}
