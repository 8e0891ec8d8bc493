package controllers

import (
	"errors"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// tooLarge is a status that no namespace has memory for.
var tooLarge = database.Status{Bytes: 1 << 30}

// newUnreported returns a registry with one database, without memory for its report.
func newUnreported(t *testing.T, name types.NamespacedName) *hosting.Registry {
	t.Helper()
	registry := hosting.NewRegistry(hosting.Options{})
	registry.Refuse(name, hosting.Source{}, errors.New("no settings"))
	if err := registry.SetReport(name, tooLarge, hosting.Moment{}); !errors.Is(err, hosting.ErrReportsInUse) {
		t.Fatalf("there is memory: %v", err)
	}
	return registry
}

func TestDatabaseWithoutMemoryForItsReportStaysUsable(t *testing.T) {
	campaigns, _ := newCampaignReconciler(t, nil)
	name := types.NamespacedName{Namespace: "growth", Name: "shop"}
	registry := newUnreported(t, name)
	databases, _ := newReconcilers(t)
	databases.registry, databases.reporter, databases.moved = registry, campaigns.reporter, hosting.NewFeed()
	var adb v1alpha1.AttributionDatabase
	if err := campaigns.client.Get(t.Context(), name, &adb); err != nil {
		t.Fatal(err)
	}
	report := func(status database.Status) string {
		t.Helper()
		s := databases.newScope(&adb)
		s.schema = status
		s.schema.Versions = database.Known()
		if err := databases.reportSchema(t.Context(), s); err != nil {
			t.Fatalf("the phases that follow are left out: %v", err)
		}
		return s.success.message
	}
	for range 2 {
		if message := report(database.Status{}); strings.Contains(message, "not reported") {
			t.Errorf("with memory: %s", message)
		}
		for range 3 {
			if message := report(tooLarge); !strings.Contains(message, "the counters of the campaigns are not reported: the memory for counters is used up") {
				t.Errorf("without memory: %s", message)
			}
		}
		if _, reported := registry.Report(name); reported {
			t.Error("an out-of-date report is kept")
		}
	}
	var events eventsv1.EventList
	if err := campaigns.client.List(t.Context(), &events); err != nil {
		t.Fatal(err)
	}
	if len(events.Items) != 2 || events.Items[0].Reason != "CountersNotReported" || events.Items[0].Type != "Warning" {
		t.Errorf("events of two shortages: %+v", events.Items)
	}
}

// declaringRegistry is a registry in whose databases declaring succeeds and changes nothing.
type declaringRegistry struct {
	vanishingReport
	unreported *hosting.Registry
}

func (d *declaringRegistry) State(name types.NamespacedName) hosting.State {
	return d.unreported.State(name)
}

func TestCampaignWithoutMemoryForItsCountersIsDeclared(t *testing.T) {
	name := types.NamespacedName{Namespace: "growth", Name: "shop"}
	for mode, test := range map[string]struct {
		suspend, inForce bool
		status           metav1.ConditionStatus
		reason           string
	}{
		"suspended": {true, false, metav1.ConditionTrue, v1alpha1.SuspendedReason},
		"active":    {false, false, metav1.ConditionFalse, v1alpha1.DatabaseNotReadyReason},
		"in force":  {false, true, metav1.ConditionTrue, v1alpha1.ReadyReason},
	} {
		t.Run(mode, func(t *testing.T) {
			changes := hosting.NewFeed()
			registry := &declaringRegistry{vanishingReport{changes: changes}, newUnreported(t, name)}
			r, key := newCampaignReconciler(t, registry)
			var campaign v1alpha1.ReferralCampaign
			get := func() {
				t.Helper()
				if err := r.client.Get(t.Context(), key, &campaign); err != nil {
					t.Fatal(err)
				}
			}
			get()
			campaign.Spec.Suspend = test.suspend
			if err := r.client.Update(t.Context(), &campaign); err != nil {
				t.Fatal(err)
			}
			if test.inForce {
				campaign.SetObservedGeneration(campaign.Generation)
				setReady(&campaign, metav1.ConditionTrue, v1alpha1.ReadyReason, "in force")
				if err := r.client.Status().Update(t.Context(), &campaign); err != nil {
					t.Fatal(err)
				}
			}
			result, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&campaign)})
			if err != nil || result.RequeueAfter < time.Minute {
				t.Errorf("tried again after %s: %v", result.RequeueAfter, err)
			}
			get()
			ready := readyCondition(&campaign)
			if ready == nil || ready.Status != test.status || ready.Reason != test.reason {
				t.Errorf("Ready: %+v", ready)
			}
		})
	}
}
