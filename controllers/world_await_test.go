package controllers_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// await reads an object until is reports true, and returns the object.
func await[T client.Object](w *world, object T, want string, is func(T) bool) T {
	w.Helper()
	for began := time.Now(); ; pauseSince(began) {
		err := w.client.Get(w.Context(), client.ObjectKeyFromObject(object), object)
		if err == nil && is(object) {
			return object
		}
		if time.Since(began) > w.patience {
			object.SetManagedFields(nil)
			encoded, _ := yaml.Marshal(object)
			w.Fatalf("not %s: %v\n%s", want, err, encoded)
		}
	}
}

// conditioned is what all kinds have in common.
type conditioned interface {
	client.Object
	GetConditions() []metav1.Condition
	GetObservedGeneration() int64
}

// awaitReason waits until Ready has this status and reason for the present generation, and returns
// the condition.
func (w *world) awaitReason(object conditioned, status metav1.ConditionStatus, reason string) metav1.Condition {
	w.Helper()
	var found metav1.Condition
	await(w, object, fmt.Sprintf("Ready=%s with reason %s", status, reason), func(object conditioned) bool {
		ready := meta.FindStatusCondition(object.GetConditions(), v1alpha1.ReadyCondition)
		if ready == nil || ready.Status != status || ready.Reason != reason || ready.ObservedGeneration != object.GetGeneration() {
			return false
		}
		found = *ready
		return true
	})
	return found
}

func (w *world) awaitReady(object conditioned) {
	w.Helper()
	w.awaitReason(object, metav1.ConditionTrue, v1alpha1.ReadyReason)
}

func (w *world) awaitGone(object client.Object) {
	w.Helper()
	for began := time.Now(); ; pauseSince(began) {
		err := w.client.Get(w.Context(), client.ObjectKeyFromObject(object), object)
		if apierrors.IsNotFound(err) {
			return
		}
		if time.Since(began) > w.patience {
			encoded, _ := yaml.Marshal(object)
			w.Fatalf("%s is still there: %v\n%s", object.GetName(), err, encoded)
		}
	}
}

// besideVerified returns the conditions of an object but the one that its ledger is consistent,
// which a verification sets at some time.
func besideVerified(object conditioned) []metav1.Condition {
	return slices.DeleteFunc(slices.Clone(object.GetConditions()), func(c metav1.Condition) bool {
		return c.Type == v1alpha1.LedgerConsistentCondition && c.Status == metav1.ConditionTrue
	})
}

// eventually waits until is returns true.
func (w *world) eventually(want string, is func() bool) {
	w.Helper()
	for began := time.Now(); !is(); pauseSince(began) {
		if time.Since(began) > w.patience {
			w.Fatalf("not %s", want)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pauseSince waits before the next look at something that is awaited since began: the longer the
// wait, the fewer the looks.
func pauseSince(began time.Time) {
	const shortest, longest = 20 * time.Millisecond, 200 * time.Millisecond
	time.Sleep(min(max(time.Since(began)/10, shortest), longest))
}
