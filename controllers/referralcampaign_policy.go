package controllers

import (
	"cmp"
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/terms"
)

// followed is what a campaign is to follow. Without terms it follows those that are in force.
type followed struct {
	mode   database.Mode
	policy database.Policy
	terms  *reward.Terms
	scope  v1alpha1.RevisionScope // of an edit of the terms
	budget *reward.Money
	kept   bool // the budget in force stays: that of the spec can never work
}

// policy reads the campaign's policy, and the budget that has to go with it. What is missing, or cannot work, is no reason
// not to declare whatever else the campaign says: lacking is then what is to be told in the end.
//
// Conditions: PolicyNotFound, PolicyInvalid; InvalidSpec, which is Stalled.
func (r *ReferralCampaignReconciler) policy(ctx context.Context, campaign *v1alpha1.ReferralCampaign) (follows followed, lacking, err error) {
	follows.mode, follows.scope = database.Open, v1alpha1.NewPairs
	if campaign.Spec.Suspend {
		follows.mode = database.Suspended
	}
	name := client.ObjectKey{Namespace: campaign.Namespace, Name: campaign.Spec.PolicyRef.Name}
	var policy v1alpha1.RewardPolicy
	err = r.client.Get(ctx, name, &policy)
	switch {
	case apierrors.IsNotFound(err):
		if !campaign.Spec.Suspend {
			follows.mode = database.PolicyMissing
		}
		lacking = waiting(v1alpha1.PolicyNotFoundReason,
			"spec.policyRef: there is no RewardPolicy %s; nothing new is admitted until there is", name)
	case err != nil:
		return follows, nil, fmt.Errorf("while getting RewardPolicy %s: %w", name, err)
	default:
		normalised, err := terms.FromPolicy(&policy.Spec)
		if err != nil {
			lacking = waiting(v1alpha1.PolicyInvalidReason,
				"RewardPolicy %s: %w; the terms declared last stay in force", name, err)
			break
		}
		follows.policy = database.Policy{Name: policy.Name, UID: string(policy.UID), Generation: policy.Generation}
		follows.terms = &normalised
		follows.scope = cmp.Or(policy.Spec.RevisionScope, v1alpha1.NewPairs)
	}
	if err := follows.setBudget(campaign); err != nil {
		lacking = err
	}
	return follows, lacking, nil
}

// setBudget takes over the campaign's budget. One that can never work is not declared, and neither are terms that no pair
// could count under with it: pairs that come in meanwhile would be bound to them.
func (f *followed) setBudget(campaign *v1alpha1.ReferralCampaign) error {
	budget, err := terms.Budget(&campaign.Spec)
	if err == nil && f.terms != nil {
		err = terms.CheckBudget(budget, f.policy.Name, f.terms)
	}
	if err != nil {
		f.policy, f.terms, f.kept = database.Policy{}, nil, true
		return stalled(v1alpha1.InvalidSpecReason, "%w; the terms and the budget declared last stay in force", err)
	}
	f.budget = budget
	return nil
}
