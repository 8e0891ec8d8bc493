package controllers

import (
	"cmp"
	"context"
	"fmt"

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

// specProblem is why the policy or the budget of a campaign's spec cannot be declared.
type specProblem struct {
	reason string
	err    error
}

// consequences are what follows for the declared campaign, by the reason of the problem.
var consequences = map[string]string{
	v1alpha1.PolicyNotFoundReason:   "no pair is admitted until then",
	v1alpha1.PolicyInvalidReason:    "the terms declared last stay in force",
	v1alpha1.InvalidSpecReason:      "the terms and the budget declared last stay in force",
	v1alpha1.TooManyRevisionsReason: "the terms declared last stay in force, if there were any",
}

// explain says why it cannot be declared, and what follows.
func (p *specProblem) explain() error { return fmt.Errorf("%w; %s", p.err, consequences[p.reason]) }

// resolveTerms works out what the campaign should follow from its policy and its budget. A policy
// that is missing, or terms that cannot work, do not keep the rest of the spec from being declared:
// reportTermsError reports them afterwards.
func (r *ReferralCampaignReconciler) resolveTerms(_ context.Context, s *campaignScope) error {
	s.desired, s.problem = desire(s.campaign, s.policy)
	return nil
}

// desire works out what a campaign should follow; a policy of nil does not exist. A problem does
// not keep what it is not about from being declared.
func desire(campaign *v1alpha1.ReferralCampaign, policy *v1alpha1.RewardPolicy) (desired, *specProblem) {
	d := desired{mode: database.Open, scope: v1alpha1.NewPairs}
	if campaign.Suspended() {
		d.mode = database.Suspended
	}
	var problem *specProblem
	name := client.ObjectKey{Namespace: campaign.Namespace, Name: campaign.Spec.PolicyRef.Name}
	if policy == nil {
		if d.mode == database.Open {
			d.mode = database.PolicyMissing
		}
		problem = &specProblem{v1alpha1.PolicyNotFoundReason, fmt.Errorf("spec.policyRef: there is no RewardPolicy %s: create it, or correct the name", name)}
	} else if normalised, err := terms.FromPolicy(&policy.Spec); err != nil {
		problem = &specProblem{v1alpha1.PolicyInvalidReason, fmt.Errorf("RewardPolicy %s: %w", name, err)}
	} else {
		d.policy = database.Policy{Name: policy.Name, UID: string(policy.UID), Generation: policy.Generation}
		d.terms = &normalised
		d.scope = cmp.Or(policy.Spec.RevisionScope, v1alpha1.NewPairs)
	}
	if err := d.resolveBudget(campaign); err != nil {
		problem = &specProblem{v1alpha1.InvalidSpecReason, err}
	}
	return d, problem
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
		return err
	}
	d.budget = budget
	return nil
}

// reportTermsError reports why policy or budget of the spec are not in force.
//
// Conditions: PolicyNotFound, PolicyInvalid; InvalidSpec and TooManyRevisions, which are Stalled.
func (r *ReferralCampaignReconciler) reportTermsError(_ context.Context, s *campaignScope) error {
	if s.problem == nil {
		return nil
	}
	err := s.problem.explain()
	switch s.problem.reason {
	case v1alpha1.InvalidSpecReason:
		return &stalledError{reason: s.problem.reason, err: err}
	case v1alpha1.TooManyRevisionsReason:
		return &stalledError{reason: s.problem.reason, requeueAfter: compareInterval, err: err} // the cure is in the database
	default:
		return &waitingError{reason: s.problem.reason, err: err}
	}
}
