package controllers

import (
	"errors"
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// A database that is away has another error each second: a lost connection, a timeout, a refusal.
func TestReviewThatStillWaitsIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	conclusion := func(before *v1alpha1.RewardReview, err error) *v1alpha1.RewardReview {
		review := before.DeepCopy()
		if _, err := conclude(review, success{reason: v1alpha1.AnsweredReason}, err); err != nil {
			t.Fatal(err)
		}
		return review
	}
	asked := &v1alpha1.RewardReview{}
	refused := conclusion(asked, notAnswered(errors.New("connection refused")))
	if waitsAsBefore(asked, refused) {
		t.Error("the first reason is not written")
	}
	if silent := conclusion(refused, notAnswered(errors.New("timeout"))); !waitsAsBefore(refused, silent) {
		t.Error("another message is written")
	}
	if pending := conclusion(refused, &waitingError{reason: v1alpha1.PendingReason, err: errors.New("others are first")}); waitsAsBefore(refused, pending) {
		t.Error("another reason is not written")
	}
	if failed := conclusion(refused, stalled(v1alpha1.DatabaseNotReadyReason, "gone")); waitsAsBefore(refused, failed) {
		t.Error("the end is not written")
	}
	if answer := conclusion(refused, nil); waitsAsBefore(refused, answer) {
		t.Error("the answer is not written")
	}
}
