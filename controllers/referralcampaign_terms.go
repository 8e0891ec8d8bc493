package controllers

import (
	"cmp"
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/terms"
)

// desired is what a campaign should follow. Without terms it goes on under those in force.
type desired struct {
	mode       database.Mode
	policy     database.Policy
	terms      *reward.Terms
	scope      v1alpha1.RevisionScope // of an edit of the terms
	budget     *reward.Money
	keepBudget bool // the budget in force stays, since the spec's can never work
}

// resolveTerms works out what the campaign should follow from its policy and its budget. A policy
// that is missing, or terms that cannot work, do not keep the rest of the spec from being declared:
// reportTermsError reports them afterwards.
func (r *ReferralCampaignReconciler) resolveTerms(_ context.Context, s *campaignScope) error {
	d := desired{mode: database.Open, scope: v1alpha1.NewPairs}
	if s.campaign.Spec.Suspend {
		d.mode = database.Suspended
	}
	name := client.ObjectKey{Namespace: s.campaign.Namespace, Name: s.campaign.Spec.PolicyRef.Name}
	if s.policy == nil {
		if d.mode == database.Open {
			d.mode = database.PolicyMissing
		}
		s.termsError = waiting(v1alpha1.PolicyNotFoundReason,
			"spec.policyRef: there is no RewardPolicy %s; nothing new is admitted until there is", name)
	} else if normalised, err := terms.FromPolicy(&s.policy.Spec); err != nil {
		s.termsError = waiting(v1alpha1.PolicyInvalidReason,
			"RewardPolicy %s: %w; the terms declared last stay in force", name, err)
	} else {
		d.policy = database.Policy{Name: s.policy.Name, UID: string(s.policy.UID), Generation: s.policy.Generation}
		d.terms = &normalised
		d.scope = cmp.Or(s.policy.Spec.RevisionScope, v1alpha1.NewPairs)
	}
	if err := d.resolveBudget(s.campaign); err != nil {
		s.termsError = err
	}
	s.desired = d
	return nil
}

// resolveBudget adds the campaign's budget. A budget that can never work is not declared, and
// neither are terms under which no pair could count with it: the pairs of the meantime would keep
// that revision.
func (d *desired) resolveBudget(campaign *v1alpha1.ReferralCampaign) error {
	budget, err := terms.Budget(&campaign.Spec)
	if err == nil && d.terms != nil {
		err = terms.CheckBudget(budget, d.policy.Name, d.terms)
	}
	if err != nil {
		d.policy, d.terms, d.keepBudget = database.Policy{}, nil, true
		return stalled(v1alpha1.InvalidSpecReason, "%w; the terms and the budget declared last stay in force", err)
	}
	d.budget = budget
	return nil
}

// reportTermsError reports why policy or budget of the spec are not in force.
//
// Conditions: PolicyNotFound, PolicyInvalid; InvalidSpec, which is Stalled.
func (r *ReferralCampaignReconciler) reportTermsError(_ context.Context, s *campaignScope) error {
	return s.termsError
}
