package controllers

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/jitter"
)

// reviewSweepInterval is how often reviews past their ttl are looked for.
const reviewSweepInterval = time.Minute

// setup has every replica answer: a leader that has just died would delay answers until another
// replica is elected.
func (r *RewardReviewReconciler) setup(mgr ctrl.Manager) error {
	options := controllerOptions()
	options.NeedLeaderElection = new(false)
	options.MaxConcurrentReconciles = reviewWorkers
	err := ctrl.NewControllerManagedBy(mgr).
		Named("rewardreview").
		For(&v1alpha1.RewardReview{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return err
	}
	return mgr.Add(OnEveryReplica(r.sweep))
}

// sweep deletes reviews past their ttl, answered or not, at the start and each minute.
func (r *RewardReviewReconciler) sweep(ctx context.Context) error {
	for {
		var list v1alpha1.RewardReviewList
		if err := r.client.List(ctx, &list); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Cannot list reviews to delete those past their ttl")
		}
		for i := range list.Items {
			if r.rest(&list.Items[i]) > 0 {
				continue
			}
			if err := r.expire(ctx, &list.Items[i]); err != nil {
				ctrl.LoggerFrom(ctx).Error(err, "Cannot delete a review past its ttl")
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(jitter.Spread(reviewSweepInterval)):
		}
	}
}

// ForgetAnswer is what a cache keeps of a review: all but the answer. Answers may be large, and are
// about people.
func ForgetAnswer(object any) (any, error) {
	if review, ok := object.(*v1alpha1.RewardReview); ok {
		review.Status = v1alpha1.RewardReviewStatus{
			ObservedGeneration: review.Status.ObservedGeneration, Conditions: review.Status.Conditions,
		}
	}
	return object, nil
}
