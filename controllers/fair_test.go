package controllers

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
)

func TestObjectsThatUseDatabasesDoNotWaitForThoseOfOtherNamespaces(t *testing.T) {
	options := databaseOptions()
	queue := options.NewQueue("", options.RateLimiter)
	defer queue.ShutDown()
	for n := range 100 {
		queue.Add(ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "crowd", Name: fmt.Sprint("shop-", n)}})
	}
	if got, _ := queue.Get(); got.Namespace != "crowd" {
		t.Errorf("the first is %s", got)
	}
	quiet := ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "quiet", Name: "shop"}}
	queue.Add(quiet)
	if got, _ := queue.Get(); got != quiet {
		t.Errorf("next comes %s", got)
	}
}
