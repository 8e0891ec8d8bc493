package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
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

// busyRegistry has a database that cannot be used because of others.
type busyRegistry struct {
	*hosting.Registry
	err error
}

func (r busyRegistry) Use(context.Context, types.NamespacedName, func(context.Context, *postgres.DB) error) error {
	return r.err
}

func TestCampaignsOfABusyDatabaseAreTriedLessOftenTheMoreOfThemWait(t *testing.T) {
	r, campaign := newCampaignReconciler(t, busyRegistry{hosting.NewRegistry(hosting.Options{}), hosting.ErrBusy})
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

// An edit that is not in force says why once it has waited for as long as an outage may last.
func TestEditThatWaitsForABusyDatabaseShowsThatAfterAMinute(t *testing.T) {
	for name, unavailable := range map[string]error{"busy": hosting.ErrBusy, "slow": hosting.ErrSlow} {
		databases, campaigns := newReconcilers(t)
		now := time.Now()
		databases.now = func() time.Time { return now }
		campaigns.now = databases.now
		adb := &v1alpha1.AttributionDatabase{ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: "shop", Generation: 2}}
		campaign := campaignOf(client.ObjectKeyFromObject(adb), "invite")
		campaign.Generation = 2
		campaigns.registry = busyRegistry{hosting.NewRegistry(hosting.Options{}), unavailable}
		reconcile := func() {
			t.Helper()
			s, served := &campaignScope{campaign: campaign, adb: adb}, databases.newScope(adb)
			served.host.Phase = hosting.Serving
			_, err := conclude(campaign, success{}, campaigns.use(t.Context(), s, nil, s.databaseError))
			_, adbErr := conclude(adb, success{}, databases.explain(served, hosting.ErrSlow, v1alpha1.FailedReason))
			if err := errors.Join(err, adbErr); err != nil {
				t.Fatal(err)
			}
		}
		shows := func(object resource, reason, message string) {
			t.Helper()
			ready := readyCondition(object)
			if ready == nil || ready.Reason != reason || !strings.Contains(ready.Message, message) {
				t.Errorf("%s: %T shows %+v, want %s", name, object, ready, reason)
			}
		}
		for _, object := range []resource{adb, campaign} { // with an earlier spec
			object.SetObservedGeneration(1)
			setReady(object, metav1.ConditionTrue, v1alpha1.ReadyReason, "")
		}
		reconcile()
		now = now.Add(outagePatience - time.Second)
		reconcile()
		shows(adb, v1alpha1.ReadyReason, "")
		shows(campaign, v1alpha1.ReadyReason, "")
		now = now.Add(time.Second)
		reconcile()
		shows(adb, v1alpha1.SlowReason, "the operator serves other slow databases first")
		shows(campaign, v1alpha1.DatabaseNotReadyReason, "AttributionDatabase growth/shop cannot be used: "+unavailable.Error())
		if !usable(adb) {
			t.Errorf("%s: campaigns wait although the engine runs", name)
		}
		for _, object := range []resource{adb, campaign} { // now without an edit
			object.SetObservedGeneration(2)
			setReady(object, metav1.ConditionTrue, v1alpha1.ReadyReason, "")
		}
		reconcile()
		shows(adb, v1alpha1.ReadyReason, "")
		shows(campaign, v1alpha1.ReadyReason, "")
	}
}

// failingRegistry has a database whose uses end as err says.
type failingRegistry struct {
	vanishingReport
	err error
}

func (r *failingRegistry) Use(context.Context, types.NamespacedName, func(context.Context, *postgres.DB) error) error {
	return r.err
}

// Only trouble of one kind that lasts for a minute shows on a campaign.
func TestShortTroubleAfterOtherTroubleDoesNotShow(t *testing.T) {
	t.Parallel()
	away := errors.New("its AttributionDatabase is not Ready")
	for name, test := range map[string]struct {
		edited bool
		first  error // a minute ago
		then   error // half a minute ago; nil: the same as first
		last   error // now
	}{
		"busy, then cut off":                      {first: hosting.ErrBusy, last: hosting.ErrConnecting},
		"slow, then cut off":                      {first: hosting.ErrSlow, last: hosting.ErrConnecting},
		"cut off before and after an outage":      {first: hosting.ErrConnecting, then: away, last: hosting.ErrConnecting},
		"an edit that is busy, cut off, and busy": {edited: true, first: hosting.ErrBusy, then: hosting.ErrConnecting, last: hosting.ErrBusy},
		"an edit that is busy around an outage":   {edited: true, first: hosting.ErrBusy, then: away, last: hosting.ErrBusy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := &failingRegistry{vanishingReport: vanishingReport{changes: hosting.NewFeed()}}
			r, key := newCampaignReconciler(t, database)
			now := time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC)
			r.now = func() time.Time { return now }
			var campaign v1alpha1.ReferralCampaign
			get(t, r.client, key, &campaign)
			campaign.Status.ObservedGeneration = campaign.Generation
			if test.edited {
				campaign.Status.ObservedGeneration--
			}
			setReady(&campaign, metav1.ConditionTrue, v1alpha1.ReadyReason, "in force")
			if err := r.client.Status().Update(t.Context(), &campaign); err != nil {
				t.Fatal(err)
			}
			for _, outcome := range []error{test.first, cmp.Or(test.then, test.first), test.last} {
				var adb v1alpha1.AttributionDatabase
				get(t, r.client, client.ObjectKey{Namespace: key.Namespace, Name: "shop"}, &adb)
				adb.Status.Conditions = nil
				setReady(&adb, metav1.ConditionTrue, v1alpha1.ReadyReason, "")
				if errors.Is(outcome, away) {
					setReady(&adb, metav1.ConditionFalse, v1alpha1.UnreachableReason, "")
					readyCondition(&adb).LastTransitionTime.Time = now
				}
				if err := r.client.Update(t.Context(), &adb); err != nil {
					t.Fatal(err)
				}
				database.err = outcome
				if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key}); err != nil {
					t.Fatal(err)
				}
				now = now.Add(outagePatience/2 + time.Second)
			}
			get(t, r.client, key, &campaign)
			ready := readyCondition(&campaign)
			if !test.edited && ready.Status != metav1.ConditionTrue || strings.Contains(ready.Message, hosting.ErrBusy.Error()) {
				t.Errorf("%+v", ready)
			}
		})
	}
}

func get(t *testing.T, c client.Client, key client.ObjectKey, object client.Object) {
	t.Helper()
	if err := c.Get(t.Context(), key, object); err != nil {
		t.Fatal(err)
	}
}

// A database that has to wait for a slot again, after other trouble, has not waited in between.
func TestWaitForASlotEndsWithOtherTrouble(t *testing.T) {
	adb := &v1alpha1.AttributionDatabase{ObjectMeta: metav1.ObjectMeta{
		Namespace: "growth", Name: "shop", UID: "uid-shop", Finalizers: []string{v1alpha1.Finalizer},
	}}
	databases, _ := newReconcilers(t, adb)
	if _, err := conclude(adb, success{}, databases.explain(databases.newScope(adb), hosting.ErrSlow, v1alpha1.FailedReason)); err != nil {
		t.Fatal(err)
	}
	_, _ = databases.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(adb)}) // it awaits settings
	if kept := databases.refused.since; len(kept) > 0 {
		t.Errorf("after a reconcile that awaits settings it keeps %v", kept)
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
