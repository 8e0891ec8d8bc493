package controllers

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// reviewTurn is how long a replica leaves a review to each replica whose turn is earlier, up to
	// mostTurns of them. A killed replica counts for minutes, and delays its reviews by this much.
	reviewTurn = 500 * time.Millisecond
	mostTurns  = 2

	// reviewPatience is how long a replica that does not serve the database leaves a review to
	// others, before it reports that the database is not ready.
	reviewPatience = 2 * time.Second

	// reviewTimeout bounds the work for one answer.
	reviewTimeout = 5 * time.Second

	// reviewRecheck is how soon a review is tried again while its database is away.
	reviewRecheck = time.Second

	maxReviewsPerSecond = 20  // of a namespace
	maxReviewsStored    = 200 // of a namespace

	// defaultReviewTTL is the default of the schema.
	defaultReviewTTL = time.Minute
)

// RewardReviewReconciler answers reviews on every replica, and deletes them when their ttl is over.
//
// The replicas that serve a database have places among each other; the hash of a review's UID picks
// the one whose turn is first. Each later one answers half a second after the one before, unless
// the review has been answered. The first status update wins: a conflict means that another replica
// answered.
//
// A review is about a person, so nothing about it is logged or recorded as an event.
type RewardReviewReconciler struct {
	client   client.Client
	registry *hosting.Registry
	now      func() time.Time
	limits   *reviewLimits
}

// +kubebuilder:rbac:groups=referral-operator.io,resources=rewardreviews,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=referral-operator.io,resources=rewardreviews/status,verbs=update

// Reconcile answers one RewardReview, or deletes it.
func (r *RewardReviewReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	r.limits.retries.begin(request.NamespacedName)
	var review v1alpha1.RewardReview
	if err := r.client.Get(ctx, request.NamespacedName, &review); err != nil {
		if apierrors.IsNotFound(err) {
			r.limits.forget(request.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	rest := r.rest(&review)
	switch {
	case !review.DeletionTimestamp.IsZero():
		return ctrl.Result{}, nil
	case rest <= 0:
		return ctrl.Result{}, deleteExpired(ctx, r.client, &review, "review")
	case answered(&review):
		r.limits.forget(request.NamespacedName)
		return ctrl.Result{RequeueAfter: rest}, nil
	}
	before := review.DeepCopy()
	err := r.tryToAnswer(ctx, &review)
	result, err := conclude(&review, success{reason: v1alpha1.AnsweredReason, message: "status has the answer"}, err)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !waitsAsBefore(before, &review) && !equality.Semantic.DeepEqual(before.Status, review.Status) {
		err := r.client.Status().Update(ctx, &review)
		if apierrors.IsInvalid(err) { // its message repeats values, which are about a person
			review.Status = before.Status
			result, _ = conclude(&review, success{}, stalled(v1alpha1.FailedReason, "the question cannot be answered: the API server refuses the answer as invalid"))
			err = r.client.Status().Update(ctx, &review)
		}
		switch {
		case apierrors.IsConflict(err), apierrors.IsNotFound(err):
			return ctrl.Result{RequeueAfter: min(reviewRecheck, rest)}, nil
		case err != nil:
			return ctrl.Result{}, fmt.Errorf("while writing the status of a review: %w", err)
		}
	}
	if answered(&review) {
		r.limits.forget(request.NamespacedName)
		result.RequeueAfter = rest
	}
	return ctrl.Result{RequeueAfter: min(result.RequeueAfter, rest)}, nil
}

// answered reports whether a review is answered or has failed. It is never answered again.
func answered(review *v1alpha1.RewardReview) bool {
	return meta.IsStatusConditionTrue(review.Status.Conditions, v1alpha1.ReadyCondition) ||
		meta.IsStatusConditionTrue(review.Status.Conditions, v1alpha1.StalledCondition)
}

// waitsAsBefore reports whether a review still waits for what it waited for. The message of a
// database that is away may differ each second, in each replica, which is not worth a write.
func waitsAsBefore(before, review *v1alpha1.RewardReview) bool {
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ReadyCondition)
	is := meta.FindStatusCondition(review.Status.Conditions, v1alpha1.ReadyCondition)
	return !answered(review) && was != nil && is != nil && was.Status == is.Status && was.Reason == is.Reason
}

// rest is how long a review is still kept.
func (r *RewardReviewReconciler) rest(review *v1alpha1.RewardReview) time.Duration {
	ttl := defaultReviewTTL
	if review.Spec.TTL != nil {
		ttl = review.Spec.TTL.Duration
	}
	return review.CreationTimestamp.Add(ttl).Sub(r.now())
}

// untilTurn is how long this replica leaves a new review to others.
func (r *RewardReviewReconciler) untilTurn(review *v1alpha1.RewardReview) time.Duration {
	return untilTurnAt(r.registry.Place(reviewedDatabase(review)), review.UID)
}

// untilTurnAt is how long the replica at a place leaves a new review to others.
func untilTurnAt(place database.Place, review types.UID) time.Duration {
	if place.Of == 0 {
		return reviewPatience
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(review))
	first := int(hash.Sum32() % uint32(place.Of))
	return reviewTurn * time.Duration(min((place.Rank-first+place.Of)%place.Of, mostTurns))
}

func reviewedDatabase(review *v1alpha1.RewardReview) types.NamespacedName {
	return types.NamespacedName{Namespace: review.Namespace, Name: review.Spec.DatabaseRef.Name}
}

// admit fails a review beyond the bounds of its namespace. It counts what is stored, so all
// replicas agree. An admitted review that waits is not counted again, and refused ones are not
// read: there may be any number of them. Conditions: TooManyReviews, which is Stalled.
func (r *RewardReviewReconciler) admit(ctx context.Context, review *v1alpha1.RewardReview) error {
	name := client.ObjectKeyFromObject(review)
	if r.limits.wasAdmitted(name, review.UID) {
		return nil
	}
	var list v1alpha1.RewardReviewList
	err := r.client.List(ctx, &list, client.InNamespace(review.Namespace), client.MatchingFields{reviewRefused: "false"},
		&client.ListOptions{UnsafeDisableDeepCopy: new(true)})
	if err != nil {
		return fmt.Errorf("while listing the reviews of the namespace: %w", err)
	}
	var sameSecond, stored int
	for i := range list.Items {
		other := &list.Items[i]
		if !before(other, review) {
			continue
		}
		stored++
		if other.CreationTimestamp.Equal(&review.CreationTimestamp) {
			sameSecond++
		}
	}
	switch {
	case sameSecond >= maxReviewsPerSecond:
		return stalled(v1alpha1.TooManyReviewsReason, "namespace %s creates more than %d reviews a second; create this review again later",
			review.Namespace, maxReviewsPerSecond)
	case stored >= maxReviewsStored:
		return stalled(v1alpha1.TooManyReviewsReason,
			"namespace %s stores %d reviews; delete those that have been read, or give them a shorter spec.ttl, and create this review again",
			review.Namespace, maxReviewsStored)
	}
	r.limits.remember(name, review.UID)
	return nil
}

// before orders reviews by creation, and those of one second by UID.
func before(a, b *v1alpha1.RewardReview) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.UID < b.UID
}

func refused(review *v1alpha1.RewardReview) bool {
	ready := readyCondition(review)
	return ready != nil && ready.Reason == v1alpha1.TooManyReviewsReason
}

// tryToAnswer admits and answers a review. A review that may not be admitted is refused at once, so
// that only few wait. An admitted one fails at once with ErrBusy while its database or namespace
// has enough reviews at work.
func (r *RewardReviewReconciler) tryToAnswer(ctx context.Context, review *v1alpha1.RewardReview) error {
	if err := r.admit(ctx, review); err != nil {
		return err
	}
	leave, ok := r.limits.enter(reviewedDatabase(review))
	if !ok {
		return r.limits.retries.busy(client.ObjectKeyFromObject(review), hosting.ErrBusy)
	}
	defer leave()
	return r.answer(ctx, review)
}

// answer asks the database, on one connection at a time so that the engine keeps the others.
// Conditions: DatabaseNotReady; InvalidSpec and Failed, which are Stalled.
func (r *RewardReviewReconciler) answer(ctx context.Context, review *v1alpha1.RewardReview) error {
	name := reviewedDatabase(review)
	adb, err := find(ctx, r.client, name, &v1alpha1.AttributionDatabase{})
	if err != nil {
		return err
	}
	if adb == nil {
		return notAnswered(unusable(name, nil))
	}
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	var places []string // of friends
	err = r.registry.Lend(ctx, name, func(ctx context.Context, db *postgres.DB) error {
		if review.Spec.ReferrerID != "" {
			friends, err := explain.OfReferrer(ctx, db, string(review.Spec.ReferrerID), review.Spec.After)
			if err == nil {
				places = showFriends(&review.Status, &friends)
			}
			return err
		}
		found, err := explain.User(ctx, db, string(review.Spec.UserID), string(review.Spec.PurchaseID))
		if err == nil {
			showUser(&review.Status, &found, string(review.Spec.PurchaseID))
			if adb.Suspended() {
				review.Status.Summary += "; " + suspendedDatabase(adb)
			}
		}
		return err
	})
	switch {
	case err == nil:
		return fitStatus(&review.Status, places)
	case errors.Is(err, explain.ErrInvalidAfter):
		return stalled(v1alpha1.InvalidSpecReason, "%w", err)
	case passes(err):
		return notAnswered(fmt.Errorf("AttributionDatabase %s cannot be used: %s", name, postgres.Message(err)))
	}
	return stalled(v1alpha1.FailedReason, "the question cannot be answered: %s", postgres.Message(err))
}

func notAnswered(why error) error {
	return &waitingError{reason: v1alpha1.DatabaseNotReadyReason, requeueAfter: reviewRecheck, err: why}
}
