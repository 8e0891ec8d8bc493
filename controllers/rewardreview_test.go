package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// review creates a review with a spec.
func (w *world) review(name, spec string) *v1alpha1.RewardReview {
	w.Helper()
	w.apply("{apiVersion: referral-operator.io/v1alpha1, kind: RewardReview, metadata: {name: " + name + "}, spec: " + spec + "}")
	review := &v1alpha1.RewardReview{}
	review.Namespace, review.Name = w.namespace, name
	return review
}

func TestReviewIsAnsweredAndDeletedWhenItsTTLIsOver(t *testing.T) {
	t.Parallel()
	w, _ := newFriend(t)
	review := w.review("why", "{databaseRef: {name: shop}, userID: bob, ttl: 1h}")
	w.awaitReason(review, metav1.ConditionTrue, v1alpha1.AnsweredReason)
	if len(review.Status.Purchases) != 1 || review.Status.Attribution == nil || len(review.Status.Timeline) == 0 {
		t.Fatalf("%+v", review.Status)
	}
	p := review.Status.Purchases[0]
	if p.State != "Granted" || p.Remedy != "" || p.Digest == "" || len(p.Checks) == 0 || len(p.Ledger) != 1 {
		t.Errorf("%+v", p)
	}
	friends := w.review("friends", "{databaseRef: {name: shop}, referrerID: "+review.Status.Attribution.ReferrerID+", ttl: 1h}")
	w.awaitReason(friends, metav1.ConditionTrue, v1alpha1.AnsweredReason)
	if f := friends.Status.Friends; f == nil || f.ByStage.Granted != 1 || len(f.Newest) != 1 || f.Newest[0].Stage != "Granted" {
		t.Errorf("%+v", friends.Status)
	}
	w.awaitGone(w.review("brief", "{databaseRef: {name: shop}, userID: bob, ttl: 10s}"))
}

// refusedAnswers refuses answers of a namespace as invalid, like the API server refuses a status
// that its schema does not allow.
const refusedAnswers = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
    resourceRules: [{apiGroups: [referral-operator.io], apiVersions: ["*"], operations: [UPDATE], resources: [rewardreviews/status]}]
  validations: [{expression: "!has(object.status.summary)", message: "the answer about bob is refused"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, validationActions: [Deny]}
`

func TestReviewFailsIfTheAPIServerRefusesItsAnswerAsInvalid(t *testing.T) {
	t.Parallel()
	w, _ := newFriend(t)
	w.apply(fmt.Sprintf(refusedAnswers, w.namespace))
	probe := w.review("probe", "{databaseRef: {name: none}, userID: bob, ttl: 1h}")
	w.eventually("answers are refused", func() bool {
		check(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(probe), probe))
		probe.Status.Summary = "an answer"
		return apierrors.IsInvalid(w.client.Status().Update(t.Context(), probe, client.DryRunAll))
	})
	review := w.review("why", "{databaseRef: {name: shop}, userID: bob, ttl: 1h}")
	ready := w.awaitReason(review, metav1.ConditionFalse, v1alpha1.FailedReason)
	if !meta.IsStatusConditionTrue(review.Status.Conditions, v1alpha1.StalledCondition) || review.Status.ObservedGeneration != review.Generation ||
		review.Status.AnsweredAt != nil || strings.Contains(ready.Message, "bob") {
		t.Errorf("%+v", review.Status)
	}
}

// asks creates a review about bob.
func (w *world) asks(name string, ttl time.Duration) *v1alpha1.RewardReview {
	w.Helper()
	review := &v1alpha1.RewardReview{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
	review.Spec.DatabaseRef.Name, review.Spec.UserID = "shop", "bob"
	review.Spec.TTL = &v1alpha1.Duration{Duration: ttl}
	check(w, w.client.Create(w.Context(), review))
	return review
}

func (w *world) reviews() []v1alpha1.RewardReview {
	w.Helper()
	var list v1alpha1.RewardReviewList
	check(w, w.client.List(w.Context(), &list, client.InNamespace(w.namespace)))
	return list.Items
}

// awaitNoReview waits until every review is deleted.
func (w *world) awaitNoReview() {
	w.Helper()
	for end := time.Now().Add(patience); len(w.reviews()) > 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("%d reviews are left", len(w.reviews()))
		}
	}
}

func TestReviewsThatExpireWhileNoOperatorRunsAreDeletedWhenItStarts(t *testing.T) {
	t.Parallel()
	w := newQuietWorld(t)
	for n := range 30 {
		w.asks(fmt.Sprint("user-", n), 10*time.Second)
	}
	w.ahead.Store(int64(time.Minute))
	w.startManager()
	w.awaitNoReview()
	var events eventsv1.EventList
	check(w, w.client.List(w.Context(), &events, client.InNamespace(w.namespace)))
	if len(events.Items) > 0 {
		t.Errorf("reviews leave events behind: %+v", events.Items)
	}
}

// What a namespace has stored counts in the order of creation, so that the first ones are answered.
func TestTooManyReviewsOfANamespaceAreRefused(t *testing.T) {
	t.Parallel()
	w := newQuietWorld(t)
	for n := range 230 {
		w.asks(fmt.Sprint("user-", n), time.Hour)
		if n%15 == 14 {
			time.Sleep(time.Second) // fewer than 20 are created in a second
		}
	}
	w.startManager()
	var refused, waiting int
	for end := time.Now().Add(patience); refused+waiting < 230; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d reviews are refused and %d wait", refused, waiting)
		}
		refused, waiting = 0, 0
		for _, review := range w.reviews() {
			switch stalled := meta.FindStatusCondition(review.Status.Conditions, v1alpha1.StalledCondition); {
			case stalled != nil && stalled.Reason == v1alpha1.TooManyReviewsReason:
				refused++
			case len(review.Status.Conditions) > 0:
				waiting++
			}
		}
	}
	if refused != 30 {
		t.Errorf("%d of 230 reviews are refused, want the last 30", refused)
	}
}
