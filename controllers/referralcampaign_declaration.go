package controllers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// declare brings the campaign into force in its database. After it returns, no batch commits a
// decision under an earlier declaration, so a status written afterwards is true.
//
// Conditions: DatabaseNotReady; Terminating, for an object that the database records as deleted;
// those of explainStale. Terms and a budget that do not come into force are reported by
// reportTermsError.
func (r *ReferralCampaignReconciler) declare(ctx context.Context, s *campaignScope) error {
	declaration, err := declarationOf(s.campaign, s.identity(), &s.desired)
	if err != nil {
		return err
	}
	declaration.Cached = true
	declare := func(ctx context.Context, db *postgres.DB) error {
		if s.desired.keepBudget {
			status, err := database.ReadStatus(ctx, db)
			if err != nil {
				return err
			}
			declaration.Budget = countersOf(status, s.campaign.Name).Budget
		}
		var err error
		s.declared, err = database.Declare(ctx, db, declaration)
		return err
	}
	err = r.use(ctx, s, declare, s.databaseError)
	if err == nil && s.declared.Resumes {
		if err := confirmResumption(ctx, r.live, s.campaign); err != nil {
			return err
		}
		declaration.Cached = false
		err = r.use(ctx, s, declare, s.databaseError)
	}
	switch {
	case err != nil:
		return err
	case s.declared.Deleted:
		return &waitingError{reason: v1alpha1.TerminatingReason, requeueAfter: compareInterval, err: fmt.Errorf(
			"the database has recorded that this object (uid %s) was deleted or replaced, so its spec is ignored; if the object "+
				"should exist, as after a restore of the API server's storage, delete it and apply it again", s.campaign.UID)}
	case s.declared.LaterGeneration > 0:
		return r.reportIgnored(ctx, s, explainStale(ctx, r.live, s.campaign, s.declared.LaterGeneration, "its spec is",
			", or delete it with deletionPolicy Retain and apply it again"))
	case s.declared.LaterPolicyGeneration > 0:
		return r.reportIgnored(ctx, s, explainStale(ctx, r.live, s.policy, s.declared.LaterPolicyGeneration, "its spec is",
			", or delete it and apply it again"))
	case s.declared.Stale:
		return &waitingError{requeueAfter: staleInterval, shown: never, err: errors.New("what the campaign's object declared is being reversed")}
	case s.declared.Full:
		s.problem = &specProblem{v1alpha1.TooManyRevisionsReason, fmt.Errorf(
			"the revisions recorded in schema %s take nearly %d MiB of memory, so no other terms are recorded: stop what edits the policies so "+
				"often, and declare further terms in a new ReferralCampaign with another spec.databaseRef", s.adb.Spec.Schema, database.RevisionsBytes>>20)}
		s.desired.terms = nil
		return r.reportCounters(ctx, s) // again, with the budget in force
	case s.declared.BudgetKept:
		s.problem = s.keptBudget(declaration.Budget.Currency)
	}
	return nil
}

// reportIgnored reports what is in force instead of a declaration that is ignored until a person
// acts. The status that the API server was restored with may say that the declaration is in force.
func (r *ReferralCampaignReconciler) reportIgnored(ctx context.Context, s *campaignScope, why error) error {
	if _, lasts := errors.AsType[*stalledError](why); !lasts {
		return why
	}
	return cmp.Or(r.reportDeclaration(ctx, s), why)
}

// keptBudget is the problem of a budget that did not come into force because the terms in force,
// which stay for another reason, never earn in its currency.
func (s *campaignScope) keptBudget(currency string) *specProblem {
	err := fmt.Errorf("spec.budget.currency: %s is a currency that the rewards of revision %d, which is in force, never have, so no pair could "+
		"ever count: set the budget in the currency of all rewards", currency, s.declared.Revision)
	if s.problem != nil {
		err = fmt.Errorf("%w, or put right what keeps other terms from being declared: %w", err, s.problem.err)
	}
	return &specProblem{v1alpha1.InvalidSpecReason, err}
}

// declarationOf is what a campaign's spec and its desired terms declare.
func declarationOf(campaign *v1alpha1.ReferralCampaign, identity database.Campaign, d *desired) (database.Declaration, error) {
	spec := &campaign.Spec
	declaration := database.Declaration{
		Campaign:    identity,
		Generation:  campaign.Generation,
		Mode:        d.mode,
		Destination: spec.Destination,
		Budget:      (*database.Money)(d.budget),
		Policy:      d.policy,
		Scope:       string(d.scope),
	}
	if spec.StartsAt != nil {
		declaration.StartsAt = spec.StartsAt.Time
	}
	if spec.EndsAt != nil {
		declaration.EndsAt = spec.EndsAt.Time
	}
	if spec.AttributionWindow != nil {
		declaration.AttributionWindow = spec.AttributionWindow.Duration
	}
	if spec.ResyncInterval != nil {
		declaration.ResyncInterval = spec.ResyncInterval.Duration
	}
	if d.terms == nil {
		return declaration, nil
	}
	encoded, err := json.Marshal(d.terms)
	if err != nil {
		return declaration, fmt.Errorf("while encoding the terms of RewardPolicy %s: %w", d.policy.Name, err)
	}
	declaration.Terms, declaration.Digest = encoded, d.terms.Digest()
	declaration.PairsPerReferrer = d.terms.Limits.PairsPerReferrer
	return declaration, nil
}

// reportDeclaration reports the policy and the revision in force, whatever the spec says, and how
// far the rollout of the revision has come.
func (r *ReferralCampaignReconciler) reportDeclaration(_ context.Context, s *campaignScope) error {
	status, revision := &s.campaign.Status, int64(s.declared.Revision)
	status.Policy = nil
	if revision > 0 {
		policy := s.declared.Policy
		status.Policy = &v1alpha1.PolicyInForce{
			Name: policy.Name, UID: types.UID(policy.UID), Generation: policy.Generation,
			Revision: revision, Digest: s.declared.Digest,
		}
	}
	switch rollout, was := s.counters.Rollout, status.Rollout; {
	case rollout != nil:
		status.Rollout = &v1alpha1.Rollout{
			Revision: int64(rollout.Revision), Decided: rollout.Decided, Total: rollout.Total,
		}
	case revision == 0:
		status.Rollout = nil
	case s.reported || was == nil: // else it is as another leader reported it
		status.Rollout = &v1alpha1.Rollout{Revision: revision}
	}
	return nil
}

// reportSuspension makes a suspended campaign Ready, and says what will keep it from being resumed as
// its spec says. Conditions: Suspended.
func (r *ReferralCampaignReconciler) reportSuspension(_ context.Context, s *campaignScope) error {
	s.success.reason = v1alpha1.SuspendedReason
	s.success.message = "nothing is granted or reversed until " + resumption(s.campaign, s.campaign.Spec.Suspend, "")
	if s.problem != nil {
		s.success.message += "; not in force: " + s.problem.explain().Error()
	}
	return nil
}
