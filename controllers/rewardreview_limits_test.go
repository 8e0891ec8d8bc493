package controllers

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
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

func TestReviewThatFindsItsDatabaseBusyIsTriedLessAndLessOften(t *testing.T) {
	retries := newReviewLimits().retries
	request := ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "growth", Name: "why"}}
	var waits []time.Duration
	for range 6 {
		waits = append(waits, retries.When(request))
	}
	if waits[0] != firstBusy || waits[1] != 2*firstBusy || waits[5] != lastBusy {
		t.Errorf("a review waits %s", waits)
	}
	if retries.Forget(request); retries.When(request) != firstBusy {
		t.Error("a new review of the same name waits as long as the one before")
	}
}
