package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

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

// reviewWorld is reviews of one second on an API server that counts what is listed.
type reviewWorld struct {
	*RewardReviewReconciler
	requests []ctrl.Request
	lists    int // how often reviews were listed
	listed   int // how many were listed
}

// newReviewWorld has so many reviews about one busy database. The first are refused already.
func newReviewWorld(t *testing.T, refusals, reviews int) *reviewWorld {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	w := &reviewWorld{}
	created := metav1.NewTime(time.Now().Truncate(time.Second))
	builder := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.RewardReview{}).
		WithIndex(&v1alpha1.RewardReview{}, reviewRefused, indexRefused).
		WithInterceptorFuncs(interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			err := c.List(ctx, list, options...)
			w.lists++
			w.listed += meta.LenList(list)
			return err
		}})
	for n := range refusals + reviews {
		review := &v1alpha1.RewardReview{
			ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: fmt.Sprint("why-", n), UID: types.UID(fmt.Sprintf("uid-%03d", n)), CreationTimestamp: created},
			Spec:       v1alpha1.RewardReviewSpec{DatabaseRef: v1alpha1.ObjectReference{Name: "shop"}, UserID: "bob", TTL: &v1alpha1.Duration{Duration: time.Hour}},
		}
		if n < refusals {
			setReady(review, metav1.ConditionFalse, v1alpha1.TooManyReviewsReason, "")
		} else {
			w.requests = append(w.requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(review)})
		}
		builder = builder.WithObjects(review)
	}
	w.RewardReviewReconciler = &RewardReviewReconciler{client: builder.Build(), now: time.Now, limits: newReviewLimits()}
	if _, ok := w.limits.enter(types.NamespacedName{Namespace: "growth", Name: "shop"}); !ok {
		t.Fatal("the database is not busy yet")
	}
	return w
}

// A review beyond the limits is refused even while its database answers none, so that only few
// wait.
func TestReviewBeyondTheLimitsIsRefusedWhileItsDatabaseIsBusy(t *testing.T) {
	w := newReviewWorld(t, 0, maxReviewsPerSecond+5)
	refusals := 0
	for _, request := range w.requests {
		if _, err := w.Reconcile(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		var review v1alpha1.RewardReview
		if err := w.client.Get(t.Context(), request.NamespacedName, &review); err != nil {
			t.Fatal(err)
		}
		if refused(&review) {
			refusals++
		}
	}
	if refusals != 5 {
		t.Errorf("%d reviews are refused, want the 5 beyond the limit", refusals)
	}
	if got := len(w.limits.retries.waiting["growth"]); got != maxReviewsPerSecond {
		t.Errorf("%d reviews wait, want %d", got, maxReviewsPerSecond)
	}
}

func TestReviewThatWaitsIsCountedOnceAmongThoseThatAreNotRefused(t *testing.T) {
	const waiting, refusals = 10, 500
	w := newReviewWorld(t, refusals, waiting)
	for range 20 {
		for _, request := range w.requests {
			if _, err := w.Reconcile(t.Context(), request); err != nil {
				t.Fatal(err)
			}
		}
	}
	if w.lists != waiting || w.listed != waiting*waiting {
		t.Errorf("%d lists of together %d reviews, want %d of together %d", w.lists, w.listed, waiting, waiting*waiting)
	}
	if kept := len(w.limits.admitted); kept != waiting {
		t.Errorf("it remembers %d reviews, want %d", kept, waiting)
	}
	for n, request := range w.requests {
		var review v1alpha1.RewardReview
		if err := w.client.Get(t.Context(), request.NamespacedName, &review); err != nil {
			t.Fatal(err)
		}
		var err error
		if n%2 == 0 {
			err = w.client.Delete(t.Context(), &review)
		} else {
			setReady(&review, metav1.ConditionTrue, v1alpha1.AnsweredReason, "")
			err = w.client.Status().Update(t.Context(), &review)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Reconcile(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	if kept := w.limits.admitted; len(kept) > 0 {
		t.Errorf("each is answered or gone, and it remembers %v", kept)
	}
}
