package controllers

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
)

// planScope is one reconcile of a RewardPlan. Everything from outside is read once, by read, after
// the plan has been admitted: a plan that is refused asks the API server nothing.
type planScope struct {
	plan     *v1alpha1.RewardPlan
	existing *v1alpha1.ReferralCampaign    // nil: does not exist
	campaign *v1alpha1.ReferralCampaign    // with the proposed spec; nil: neither exists nor is proposed
	policy   *v1alpha1.RewardPolicy        // that campaign follows, with the proposed spec; nil: neither exists nor is proposed
	adb      *v1alpha1.AttributionDatabase // of campaign; nil: does not exist

	rest    time.Duration      // until the deadline; set by keepDeadline
	desired desired            // set by resolveTerms, unless a deletion is planned
	result  *engine.PlanResult // set by await
	success success            // its message is set by answer
}

func newPlanScope(plan *v1alpha1.RewardPlan) *planScope {
	return &planScope{plan: plan, success: success{reason: v1alpha1.DoneReason}}
}

func (s *planScope) name() types.NamespacedName { return client.ObjectKeyFromObject(s.plan) }

// proposed is the edit; empty: none.
func (s *planScope) proposed() v1alpha1.ProposedEdit {
	if s.plan.Spec.Proposed == nil {
		return v1alpha1.ProposedEdit{}
	}
	return *s.plan.Spec.Proposed
}

func (s *planScope) databaseName() types.NamespacedName {
	return types.NamespacedName{Namespace: s.plan.Namespace, Name: s.campaign.Spec.DatabaseRef.Name}
}

// identity identifies the campaign in its database. It has no UID if the campaign does not exist.
func (s *planScope) identity() database.Campaign {
	return database.Campaign{OwnerUID: string(s.adb.UID), Name: s.campaign.Name, UID: string(s.campaign.UID)}
}

// read reads everything that the phases need, also what the plan proposes: the cache has no such
// part of a spec, see Cached.
func (r *RewardPlanReconciler) read(ctx context.Context, s *planScope) error {
	live, err := find(ctx, r.live, s.name(), &v1alpha1.RewardPlan{})
	if err != nil {
		return err
	}
	if live == nil || live.UID != s.plan.UID {
		return &waitingError{requeueAfter: staleInterval, shown: never, err: errors.New("the object has gone")}
	}
	s.plan.Spec = live.Spec
	key := client.ObjectKey{Namespace: s.plan.Namespace, Name: s.plan.Spec.CampaignRef.Name}
	if s.existing, err = find(ctx, r.live, key, &v1alpha1.ReferralCampaign{}); err != nil {
		return err
	}
	if s.existing != nil && !s.existing.DeletionTimestamp.IsZero() {
		s.existing = nil // counts as deleted from then on
	}
	if s.campaign = s.proposedCampaign(); s.campaign == nil {
		return nil
	}
	key.Name = s.campaign.Spec.PolicyRef.Name
	policy, err := find(ctx, r.live, key, &v1alpha1.RewardPolicy{})
	if err != nil {
		return err
	}
	s.policy = s.proposedPolicy(policy)
	s.adb, err = find(ctx, r.client, s.databaseName(), &v1alpha1.AttributionDatabase{})
	return err
}

// proposedCampaign is the campaign as it would be after the edit; nil: there would be none.
func (s *planScope) proposedCampaign() *v1alpha1.ReferralCampaign {
	spec := s.proposed().Campaign
	if spec == nil {
		return s.existing
	}
	campaign := &v1alpha1.ReferralCampaign{}
	if s.existing != nil {
		campaign = s.existing.DeepCopy()
	}
	campaign.Namespace, campaign.Name = s.plan.Namespace, s.plan.Spec.CampaignRef.Name
	campaign.Spec = *spec
	campaign.Generation++
	return campaign
}

// proposedPolicy is the campaign's policy as it would be after the edit; nil: there would be none.
func (s *planScope) proposedPolicy(existing *v1alpha1.RewardPolicy) *v1alpha1.RewardPolicy {
	spec := s.proposed().Policy
	if spec == nil {
		return existing
	}
	policy := &v1alpha1.RewardPolicy{}
	if existing != nil {
		policy = existing.DeepCopy()
	}
	policy.Namespace, policy.Name = s.plan.Namespace, s.campaign.Spec.PolicyRef.Name
	policy.Spec = *spec
	policy.Generation++
	return policy
}
