package controllers

import (
	"context"
	"strconv"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/jitter"
)

// reviewSweepInterval is how often reviews past their ttl are looked for.
const reviewSweepInterval = time.Minute

// reviewRefused is the index of reviews by whether they were refused: "true" or "false".
const reviewRefused = "refused"

var indexRefused = indexBy(func(review *v1alpha1.RewardReview) string { return strconv.FormatBool(refused(review)) })

// setup has every replica answer: a leader that has just died would delay answers until another
// replica is elected.
func (r *RewardReviewReconciler) setup(mgr ctrl.Manager) error {
	options := controllerOptions()
	options.NeedLeaderElection = new(false)
	options.MaxConcurrentReconciles = reviewWorkers
	err := index(mgr, &v1alpha1.RewardReview{}, reviewRefused, indexRefused)
	if err != nil {
		return err
	}
	err = ctrl.NewControllerManagedBy(mgr).
		Named("rewardreview").
		Watches(&v1alpha1.RewardReview{}, handler.Funcs{CreateFunc: r.enqueueInTurn, UpdateFunc: r.enqueueReplaced, DeleteFunc: dequeueDeleted}).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return err
	}
	return mgr.Add(OnEveryReplica(r.sweep))
}

// enqueueInTurn enqueues a new review for when this replica's turn comes. Other replicas may have
// answered it by then.
func (r *RewardReviewReconciler) enqueueInTurn(_ context.Context, e event.CreateEvent, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) {
	if review, ok := e.Object.(*v1alpha1.RewardReview); ok {
		queue.AddAfter(ctrl.Request{NamespacedName: client.ObjectKeyFromObject(review)}, r.untilTurn(review))
	}
}

// enqueueReplaced enqueues a new review that replaced another of its name.
func (r *RewardReviewReconciler) enqueueReplaced(ctx context.Context, e event.UpdateEvent, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) {
	if replaced(e) {
		r.enqueueInTurn(ctx, event.CreateEvent{Object: e.ObjectNew}, queue)
	}
}

// dequeueDeleted has the queue forget a deleted review now, instead of when its ttl is over.
func dequeueDeleted(_ context.Context, e event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) {
	queue.Add(ctrl.Request{NamespacedName: client.ObjectKeyFromObject(e.Object)})
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
			if err := deleteExpired(ctx, r.client, &list.Items[i], "review"); err != nil {
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
