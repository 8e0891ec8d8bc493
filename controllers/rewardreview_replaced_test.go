package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// counted is a queue that counts delayed requests.
type counted struct {
	workqueue.TypedRateLimitingInterface[ctrl.Request]

	delayed int
}

func (c *counted) AddAfter(ctrl.Request, time.Duration) { c.delayed++ }

func TestReviewThatReplacedAnotherIsAnswered(t *testing.T) {
	review := func(uid types.UID) *v1alpha1.RewardReview {
		return &v1alpha1.RewardReview{ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: "why", UID: uid}}
	}
	r := &RewardReviewReconciler{registry: hosting.NewRegistry(hosting.Options{})}
	for now, want := range map[types.UID]int{"a": 0, "b": 1} {
		queue := &counted{}
		r.enqueueReplaced(t.Context(), event.UpdateEvent{ObjectOld: review("a"), ObjectNew: review(now)}, queue)
		if queue.delayed != want {
			t.Errorf("%s in place of a: %d requests", now, queue.delayed)
		}
	}
}
