package controllers_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// review creates a review with a spec.
func (w *world) review(name, spec string) *v1alpha1.RewardReview {
	w.Helper()
	w.apply("{apiVersion: referral-operator.io/v1alpha1, kind: RewardReview, metadata: {name: " + name + "}, spec: " + spec + "}")
	review := &v1alpha1.RewardReview{}
	review.Namespace, review.Name = w.rplan(name).Namespace, name
	return review
}

func TestReviewIsAnsweredAndDeletedWhenItsTTLIsOver(t *testing.T) {
	t.Parallel()
	w, _ := newFriend(t)
	review := w.review("why", "{databaseRef: {name: shop}, userID: bob, ttl: 10s}")
	w.awaitReason(review, metav1.ConditionTrue, v1alpha1.AnsweredReason)
	if len(review.Status.Purchases) != 1 || review.Status.Attribution == nil || len(review.Status.Timeline) == 0 {
		t.Fatalf("%+v", review.Status)
	}
	p := review.Status.Purchases[0]
	if p.State != "Granted" || p.Remedy != "" || p.Digest == "" || len(p.Checks) == 0 || len(p.Ledger) != 1 {
		t.Errorf("%+v", p)
	}
	friends := w.review("friends", "{databaseRef: {name: shop}, referrerID: "+review.Status.Attribution.ReferrerID+", ttl: 10s}")
	w.awaitReason(friends, metav1.ConditionTrue, v1alpha1.AnsweredReason)
	if f := friends.Status.Friends; f == nil || f.ByStage.Granted != 1 || len(f.Newest) != 1 || f.Newest[0].Stage != "Granted" {
		t.Errorf("%+v", friends.Status)
	}
	w.awaitGone(review)
	w.awaitGone(friends)
}
