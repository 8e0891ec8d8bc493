package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// vanishingReport is a registry whose database is dropped after some reads of its report. Declaring
// succeeds and changes nothing.
type vanishingReport struct {
	status  database.Status
	left    int // reads that still find the report
	changes *hosting.Feed
}

func (v *vanishingReport) Report(types.NamespacedName) (database.Status, bool) {
	if v.left == 0 {
		return database.Status{}, false
	}
	v.left--
	return v.status, true
}

func (v *vanishingReport) State(types.NamespacedName) hosting.State {
	return hosting.State{Phase: hosting.Serving}
}

func (v *vanishingReport) Changes() *hosting.Feed { return v.changes }

func (v *vanishingReport) Use(context.Context, types.NamespacedName, func(context.Context, *postgres.DB) error) error {
	return nil
}

// A report can disappear at any moment of a reconcile: its AttributionDatabase gets another Secret,
// or another replica leads.
func TestCampaignIsNotReadyWhileItsReportDisappears(t *testing.T) {
	t.Parallel()
	for cause, counters := range map[string]database.CampaignStatus{
		"a rollout": {Rollout: &database.RolloutStatus{Revision: 2, Decided: 1, Total: 2}},
		"withheld reversals": {Resync: database.ResyncStatus{
			MassReversal: &database.MassReversal{ID: "loss-1", Pairs: 200, Of: 300},
		}},
	} {
		counters.Name = "invite-friends"
		for _, reads := range []int{0, 1, 2} {
			t.Run(fmt.Sprintf("%s, report gone after %d reads", cause, reads), func(t *testing.T) {
				t.Parallel()
				campaign := reconcileOnce(t, &vanishingReport{
					status: database.Status{Campaigns: []database.CampaignStatus{counters}}, left: reads, changes: hosting.NewFeed(),
				})
				if meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.ReadyCondition) {
					t.Errorf("Ready too early: %+v", campaign.Status.Conditions)
				}
			})
		}
	}
}

// Another leader has no report at first. What the leader before reported is still withheld.
func TestSuspendedCampaignKeepsItsIncidentUntilItIsReportedOn(t *testing.T) {
	t.Parallel()
	reports := &vanishingReport{changes: hosting.NewFeed()}
	r, key := newCampaignReconciler(t, reports)
	var campaign v1alpha1.ReferralCampaign
	if err := r.client.Get(t.Context(), key, &campaign); err != nil {
		t.Fatal(err)
	}
	campaign.Spec.Suspend = true
	if err := r.client.Update(t.Context(), &campaign); err != nil {
		t.Fatal(err)
	}
	reason := func(report ...database.CampaignStatus) string {
		t.Helper()
		reports.status, reports.left = database.Status{Campaigns: report}, len(report)
		if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key}); err != nil {
			t.Fatal(err)
		}
		if err := r.client.Get(t.Context(), key, &campaign); err != nil {
			t.Fatal(err)
		}
		return readyCondition(&campaign).Reason
	}
	withheld := database.CampaignStatus{Name: key.Name}
	withheld.Resync.MassReversal = &database.MassReversal{ID: "loss-1", Pairs: 200, Of: 300}
	if is := reason(withheld); is != v1alpha1.MassReversalReason {
		t.Errorf("with an incident: %s", is)
	}
	if is := reason(); is != v1alpha1.MassReversalReason || !strings.Contains(readyCondition(&campaign).Message, "=loss-1") {
		t.Errorf("without a report: %+v", campaign.Status.Conditions)
	}
	if is := reason(database.CampaignStatus{Name: key.Name}); is != v1alpha1.SuspendedReason {
		t.Errorf("without an incident: %s", is)
	}
}

// reconcileOnce returns a campaign that was reconciled once.
func reconcileOnce(t *testing.T, registry registry) *v1alpha1.ReferralCampaign {
	t.Helper()
	reconciler, key := newCampaignReconciler(t, registry)
	if _, err := reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: key}); err != nil {
		t.Fatal(err)
	}
	var campaign v1alpha1.ReferralCampaign
	if err := reconciler.client.Get(t.Context(), key, &campaign); err != nil {
		t.Fatal(err)
	}
	return &campaign
}

// newCampaignReconciler returns a reconciler with a campaign, with a database that is ready and a
// policy that can work.
func newCampaignReconciler(t *testing.T, registry registry) (*ReferralCampaignReconciler, client.ObjectKey) {
	t.Helper()
	key := client.ObjectKey{Namespace: "growth", Name: "invite-friends"}
	objects := []client.Object{
		&v1alpha1.AttributionDatabase{
			ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: "shop", UID: "uid-shop"},
			Status: v1alpha1.AttributionDatabaseStatus{Conditions: []metav1.Condition{{
				Type: v1alpha1.ReadyCondition, Status: metav1.ConditionTrue, Reason: v1alpha1.ReadyReason, LastTransitionTime: metav1.Now(),
			}}},
		},
		&v1alpha1.RewardPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: "five-dollars", UID: "uid-policy"},
			Spec: v1alpha1.RewardPolicySpec{Rewards: []v1alpha1.Reward{{
				Name: "inviter", Beneficiary: v1alpha1.Referrer, Fixed: &v1alpha1.Money{Amount: "5.00", Currency: "USD"},
			}}},
		},
		&v1alpha1.ReferralCampaign{
			ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, UID: "uid-campaign", Generation: 1},
			Spec: v1alpha1.ReferralCampaignSpec{
				DatabaseRef: v1alpha1.ObjectReference{Name: "shop"}, PolicyRef: v1alpha1.ObjectReference{Name: "five-dollars"},
			},
		},
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), eventsv1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithStatusSubresource(&v1alpha1.ReferralCampaign{}).Build()
	return &ReferralCampaignReconciler{
		client: c, live: c, registry: registry, now: time.Now, absence: newAbsence(time.Now),
		reporter: newReporter(c, newRecorder(c), time.Now),
		retries:  newBusyRetries(shortestBusyWait, longestBusyWait),
	}, key
}

// usedRegistry counts the uses of its databases.
type usedRegistry struct {
	vanishingReport
	uses int
}

func (r *usedRegistry) Use(context.Context, types.NamespacedName, func(context.Context, *postgres.DB) error) error {
	r.uses++
	return nil
}

// The campaign may belong to a later object of the name.
func TestObjectThatOnlyTheCacheHasChangesNoCampaign(t *testing.T) {
	for _, policy := range []v1alpha1.DeletionPolicy{v1alpha1.ReverseCredits, v1alpha1.RetainCredits} {
		t.Run(string(policy), func(t *testing.T) {
			registry := &usedRegistry{}
			r, key := newCampaignReconciler(t, registry)
			var campaign v1alpha1.ReferralCampaign
			campaign.Namespace, campaign.Name = key.Namespace, key.Name
			campaign.UID, campaign.Finalizers = "of-the-cache", []string{"example.test/hold"}
			campaign.Spec.DatabaseRef.Name, campaign.Spec.DeletionPolicy = "shop", policy
			campaign.Status.Policy = &v1alpha1.PolicyInForce{}
			campaign.DeletionTimestamp = new(metav1.Now())
			s := newCampaignScope(&campaign)
			if err := r.read(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if wait, ok := errors.AsType[*waitingError](r.remove(t.Context(), s)); !ok || wait.shown != never || registry.uses > 0 {
				t.Errorf("%d uses of the database, %v", registry.uses, wait)
			}
		})
	}
}
