package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// requireCampaign fails a plan about nothing. Conditions: CampaignNotFound, which is Stalled.
func (r *RewardPlanReconciler) requireCampaign(_ context.Context, s *planScope) error {
	if s.campaign == nil {
		return stalled(v1alpha1.CampaignNotFoundReason,
			"spec.campaignRef: there is no ReferralCampaign %s/%s, or it is being deleted; set spec.proposed.campaign to plan its creation",
			s.plan.Namespace, s.plan.Spec.CampaignRef.Name)
	}
	return nil
}

// requireSameDatabase fails a plan of an edit that the API server refuses. Conditions: InvalidSpec,
// which is Stalled.
func (r *RewardPlanReconciler) requireSameDatabase(_ context.Context, s *planScope) error {
	if s.existing != nil && s.existing.Spec.DatabaseRef != s.campaign.Spec.DatabaseRef {
		return stalled(v1alpha1.InvalidSpecReason, "spec.proposed.campaign: spec.databaseRef: databaseRef is immutable; "+
			"delete this ReferralCampaign and create another to use another database")
	}
	return nil
}

// resolveTerms works out what the campaign would follow, as for a real declaration, and fails a
// plan of terms or a budget that can never work. The message has the words and the paths of the
// real objects. A deletion is planned whatever the terms are.
//
// Conditions: PolicyNotFound, PolicyInvalid, InvalidSpec, all Stalled.
func (r *RewardPlanReconciler) resolveTerms(_ context.Context, s *planScope) error {
	if s.proposed().Delete {
		return nil
	}
	var problem *specProblem
	s.desired, problem = desire(s.campaign, s.policy)
	if problem != nil {
		return stalled(problem.reason, "%w", problem.err)
	}
	return nil
}

// requireUsableDatabase has the plan wait while its database is away. Conditions: Pending.
func (r *RewardPlanReconciler) requireUsableDatabase(_ context.Context, s *planScope) error {
	why := unusable(s.databaseName(), s.adb)
	if why == nil {
		return nil
	}
	r.plans.Pause(s.name())
	return s.pending(databaseAwayInterval, why)
}

// databaseAwayInterval is the requeue of a plan whose database is away. The event of its return
// wakes plans whose conditions are in the cache, so it may miss a plan that has just been admitted.
const databaseAwayInterval = time.Minute

// pending returns the error of a plan that does not run.
func (s *planScope) pending(requeueAfter time.Duration, why error) error {
	s.plan.Status.Progress = nil
	return &waitingError{reason: v1alpha1.PendingReason, requeueAfter: requeueAfter, err: why}
}

// await has the plan run, and waits until it has ended. Conditions: Pending, Running; Failed and
// DeadlineExceeded, which are Stalled.
func (r *RewardPlanReconciler) await(_ context.Context, s *planScope) error {
	job, err := s.job()
	if err != nil {
		return err
	}
	state := r.plans.Ensure(s.name(), job)
	switch {
	case state.Result != nil:
		s.result = state.Result
		s.plan.Status.Progress = &v1alpha1.PlanProgress{Decided: state.Decided, Total: state.Total}
		return nil
	case errors.Is(state.Err, hosting.ErrPlanTimeout):
		return stalled(v1alpha1.DeadlineExceededReason, "the plan cannot be worked out: %w", state.Err)
	case state.Err != nil && !passes(state.Err):
		return stalled(v1alpha1.FailedReason, "the plan cannot be worked out: %s", postgres.Message(state.Err))
	case state.Err != nil:
		r.plans.Pause(s.name())
		return s.pending(recheckInterval, fmt.Errorf(
			"AttributionDatabase %s cannot be used, and the plan starts again: %s", s.databaseName(), postgres.Message(state.Err)))
	case state.Running:
		s.plan.Status.Progress = &v1alpha1.PlanProgress{Decided: state.Decided, Total: state.Total}
		return &waitingError{reason: v1alpha1.RunningReason, requeueAfter: s.rest, err: errors.New(
			"the referees are being decided under the proposed edit; status.progress says how many are decided")}
	case state.Interrupted:
		return s.pending(s.rest, errors.New("the plan takes long and has given way to plans of other namespaces; it starts again, "+
			"and then runs to its end, in turn with other long plans: one runs at a time"))
	}
	return s.pending(s.rest, errors.New("waiting for other plans: one runs per namespace and two in the whole installation; namespaces take turns"))
}

// job is the plan's question to the engine.
func (s *planScope) job() (hosting.PlanJob, error) {
	job := hosting.PlanJob{
		UID:      string(s.plan.UID),
		Created:  s.plan.CreationTimestamp.Time,
		Database: s.databaseName(),
		Request:  engine.PlanRequest{Campaign: s.identity(), Delete: s.proposed().Delete},
	}
	if s.plan.Spec.Detail == v1alpha1.LargestDetail {
		job.Request.Largest = v1alpha1.MaxPlanDifferences
	}
	if s.plan.Spec.Proposed == nil || job.Request.Delete {
		return job, nil
	}
	declaration, err := declarationOf(s.campaign, s.identity(), &s.desired)
	if err != nil {
		return job, err
	}
	job.Request.Declaration = &declaration
	return job, nil
}

// passes reports whether an error says that the database is away or being edited, not that the plan
// cannot work.
func passes(err error) bool {
	if hosting.Unavailable(err) || errors.Is(err, engine.ErrConfigurationMoved) {
		return true
	}
	switch postgres.Classify(err) {
	case postgres.ClassUnknown, postgres.ClassData, postgres.ClassMissingObject:
		return false
	default:
		return true
	}
}
