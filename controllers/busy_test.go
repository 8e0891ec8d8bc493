package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

func TestObjectsWaitLongerTheMoreOfTheirNamespaceWait(t *testing.T) {
	retries := newBusyRetries(20*time.Millisecond, time.Second)
	object := func(namespace string, n int) types.NamespacedName {
		return types.NamespacedName{Namespace: namespace, Name: fmt.Sprint("object-", n)}
	}

	if wait := retries.wait(object("growth", 0)); wait != 20*time.Millisecond {
		t.Errorf("the only one waits %s", wait)
	}
	var wait time.Duration
	for n := range 100 {
		wait = retries.wait(object("growth", n))
	}
	if wait != 100*busySpacing {
		t.Errorf("one of a hundred waits %s", wait)
	}
	if again := retries.wait(object("growth", 99)); again != 100*busySpacing {
		t.Errorf("one of a hundred that is busy again waits %s", again)
	}
	for n := range 5000 {
		wait = retries.wait(object("growth", n))
	}
	if wait != time.Second {
		t.Errorf("one of five thousand waits %s", wait)
	}
	if wait := retries.wait(object("sales", 0)); wait != 20*time.Millisecond {
		t.Errorf("the only one of another namespace waits %s", wait)
	}
	for n := range 5000 {
		retries.begin(object("growth", n))
	}
	retries.begin(object("sales", 0))
	if len(retries.waiting) > 0 {
		t.Errorf("none waits, and it keeps %v", retries.waiting)
	}
}

// busyRegistry has a database that is always used by others.
type busyRegistry struct{ *hosting.Registry }

func (busyRegistry) Use(context.Context, types.NamespacedName, func(context.Context, *postgres.DB) error) error {
	return hosting.ErrBusy
}

func TestCampaignsOfABusyDatabaseAreTriedLessOftenTheMoreOfThemWait(t *testing.T) {
	r, campaign := newCampaignReconciler(t, busyRegistry{hosting.NewRegistry(hosting.Options{})})
	wait := func() time.Duration {
		result, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: campaign})
		if err != nil {
			t.Fatal(err)
		}
		return result.RequeueAfter
	}
	if got := wait(); got < shortestBusyWait/2 || got > 2*shortestBusyWait {
		t.Errorf("the only campaign waits %s", got)
	}
	for n := range 1000 {
		r.retries.wait(types.NamespacedName{Namespace: campaign.Namespace, Name: fmt.Sprint("another-", n)})
	}
	if got := wait(); got < longestBusyWait/2 || got > 2*longestBusyWait {
		t.Errorf("one of a thousand campaigns waits %s", got)
	}
}

// How a reconcile ends says by itself when it is tried again.
func TestObjectThatFindsItsDatabaseBusyIsTriedAgain(t *testing.T) {
	databases, campaigns := newReconcilers(t)
	databases.retries, campaigns.retries = newBusyRetries(time.Second, time.Minute), newBusyRetries(time.Second, time.Minute)
	adb := &v1alpha1.AttributionDatabase{ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: "shop"}}
	campaign := campaignOf(client.ObjectKeyFromObject(adb), "invite")
	for name, test := range map[string]struct {
		object resource
		err    error
	}{
		"a campaign": {campaign, campaigns.retries.busy(client.ObjectKeyFromObject(campaign), hosting.ErrBusy)},
		"a database": {adb, databases.explain(databases.newScope(adb), hosting.ErrSlow, v1alpha1.FailedReason)},
	} {
		result, err := conclude(test.object, success{}, test.err)
		if err != nil || result.RequeueAfter < time.Second/2 || result.RequeueAfter > 2*time.Second {
			t.Errorf("%s: after %s, %v", name, result.RequeueAfter, err)
		}
	}
}
