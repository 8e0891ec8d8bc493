package controllers

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func TestReviewsOfOneNamespaceLeaveWorkersToOthers(t *testing.T) {
	limits := newReviewLimits()
	name := func(namespace, database string) types.NamespacedName {
		return types.NamespacedName{Namespace: namespace, Name: database}
	}
	leave, ok := limits.enter(name("growth", "a"))
	if !ok {
		t.Fatal("the first review is not answered")
	}
	if _, ok := limits.enter(name("growth", "a")); ok {
		t.Error("a database answers two reviews at a time")
	}
	if _, ok := limits.enter(name("growth", "b")); !ok {
		t.Error("another database of the namespace does not answer")
	}
	if _, ok := limits.enter(name("growth", "c")); ok {
		t.Error("a namespace has three reviews answered at a time")
	}
	if _, ok := limits.enter(name("sales", "a")); !ok {
		t.Error("another namespace has to wait")
	}
	leave()
	if _, ok := limits.enter(name("growth", "c")); !ok {
		t.Error("a review that has been answered still counts")
	}
}

// A review beyond the limits is refused even while its database answers none, so that only few wait.
func TestReviewBeyondTheLimitsIsRefusedWhileItsDatabaseIsBusy(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	created := metav1.NewTime(time.Now().Truncate(time.Second))
	builder := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.RewardReview{})
	var requests []ctrl.Request
	for n := range maxReviewsPerSecond + 5 {
		review := &v1alpha1.RewardReview{
			ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: fmt.Sprint("why-", n), UID: types.UID(fmt.Sprintf("uid-%03d", n)), CreationTimestamp: created},
			Spec:       v1alpha1.RewardReviewSpec{DatabaseRef: v1alpha1.ObjectReference{Name: "shop"}, UserID: "bob", TTL: &v1alpha1.Duration{Duration: time.Hour}},
		}
		builder = builder.WithObjects(review)
		requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(review)})
	}
	r := &RewardReviewReconciler{client: builder.Build(), now: time.Now, limits: newReviewLimits()}
	if _, ok := r.limits.enter(types.NamespacedName{Namespace: "growth", Name: "shop"}); !ok {
		t.Fatal("the database is not busy yet")
	}
	refusals := 0
	for _, request := range requests {
		if _, err := r.Reconcile(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		var review v1alpha1.RewardReview
		if err := r.client.Get(t.Context(), request.NamespacedName, &review); err != nil {
			t.Fatal(err)
		}
		if refused(&review) {
			refusals++
		}
	}
	if refusals != 5 {
		t.Errorf("%d reviews are refused, want the 5 beyond the limit", refusals)
	}
	if got := len(r.limits.retries.waiting["growth"]); got != maxReviewsPerSecond {
		t.Errorf("%d reviews wait, want %d", got, maxReviewsPerSecond)
	}
}
