package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/terms"
)

// RewardPolicyReconciler reports whether a policy can work, and whether its terms and limits are in
// force in every campaign that uses it. It declares nothing: the campaigns' reconciler does.
type RewardPolicyReconciler struct {
	client   client.Client
	reporter *reporter
}

// policyScope is one reconcile of a RewardPolicy.
type policyScope struct {
	policy    *v1alpha1.RewardPolicy
	campaigns []v1alpha1.ReferralCampaign // that refer to the policy; set by readCampaigns
	success   success
}

// +kubebuilder:rbac:groups=referral-operator.io,resources=rewardpolicies,verbs=get;list;watch
// +kubebuilder:rbac:groups=referral-operator.io,resources=rewardpolicies/status,verbs=patch

// Reconcile reports on one RewardPolicy. While finalizers keep one that is being deleted, its
// campaigns follow it, and so it is reported on as before.
func (r *RewardPolicyReconciler) Reconcile(ctx context.Context, request ctrl.Request) (result ctrl.Result, err error) {
	var policy v1alpha1.RewardPolicy
	if err := r.reporter.get(ctx, request.NamespacedName, &policy); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := policy.DeepCopy()
	s := &policyScope{policy: &policy, success: success{reason: v1alpha1.ReadyReason}}
	defer func() {
		result, err = conclude(&policy, s.success, err)
		err = utilerrors.NewAggregate([]error{err, r.reporter.report(ctx, before, &policy)})
	}()
	return ctrl.Result{}, runPhases(ctx, s, []phase[*policyScope]{
		r.readCampaigns,
		r.validateTerms,
		r.awaitCampaigns,
		r.describe,
	})
}

// readCampaigns reads and counts the campaigns that use the policy.
func (r *RewardPolicyReconciler) readCampaigns(ctx context.Context, s *policyScope) (err error) {
	s.campaigns, err = campaignsBy(ctx, r.client, s.policy.Namespace, campaignByPolicy, s.policy.Name)
	if err != nil {
		return err
	}
	s.policy.Status.Campaigns = int64(len(s.campaigns))
	return nil
}

// validateTerms sets the digest. Conditions: InvalidSpec, which is Stalled.
func (r *RewardPolicyReconciler) validateTerms(_ context.Context, s *policyScope) error {
	normalised, err := terms.FromPolicy(&s.policy.Spec)
	if err != nil {
		s.policy.Status.Digest = ""
		return stalled(v1alpha1.InvalidSpecReason, "%w", err)
	}
	s.policy.Status.Digest = normalised.Digest()
	s.policy.SetObservedGeneration(s.policy.Generation)
	return nil
}

// awaitCampaigns waits until this generation is in force in every campaign. The digest alone does
// not prove that: it leaves limits out, and terms that an edit returns to have the digest that they
// had before. Conditions: RollingOut.
func (r *RewardPolicyReconciler) awaitCampaigns(_ context.Context, s *policyScope) error {
	var behind []string
	for i := range s.campaigns {
		campaign := &s.campaigns[i]
		if !campaign.DeletionTimestamp.IsZero() {
			continue // declares nothing any more
		}
		if !follows(campaign, s.policy) || rollingOut(campaign) {
			behind = append(behind, campaign.Name)
		}
	}
	if len(behind) == 0 {
		return nil
	}
	return &waitingError{reason: v1alpha1.RollingOutReason, edit: true, err: fmt.Errorf(
		"not in force yet in %d of %d campaigns: %s", len(behind), len(s.campaigns), firstFew(behind))}
}

// follows reports whether the present generation of a policy is in force in a campaign.
func follows(campaign *v1alpha1.ReferralCampaign, policy *v1alpha1.RewardPolicy) bool {
	is := campaign.Status.Policy
	return is != nil && is.UID == policy.UID && is.Generation == policy.Generation && is.Digest == policy.Status.Digest
}

// describe says which pairs the next edit reaches, and warns of terms that may not mean what they
// seem to.
func (r *RewardPolicyReconciler) describe(_ context.Context, s *policyScope) error {
	s.success.message = withWarnings("in force in every campaign that refers to it"+reaches[s.policy.Spec.RevisionScope],
		terms.Warnings(&s.policy.Spec))
	return nil
}

// reaches warns that the next edit is not about new pairs alone.
var reaches = map[v1alpha1.RevisionScope]string{
	v1alpha1.HeldPairs: "; revisionScope is HeldPairs: the next edit also reaches existing pairs that wait or whose hold has not ended",
	v1alpha1.AllPairs:  "; revisionScope is AllPairs: the next edit also reaches all existing pairs, and changes the credit of granted ones",
}

// rollingOut reports whether pairs of a campaign are still being decided again under the newest
// terms. The conditions may show another problem of the campaign instead.
func rollingOut(campaign *v1alpha1.ReferralCampaign) bool {
	reconciling := meta.FindStatusCondition(campaign.Status.Conditions, v1alpha1.ReconcilingCondition)
	return reconciling != nil && reconciling.Reason == v1alpha1.RollingOutReason || rolloutUnfinished(campaign)
}
