package controllers

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"
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
