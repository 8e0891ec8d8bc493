package controllers

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// newReconcilers returns reconcilers of databases and of campaigns that share what they know of
// absent campaigns.
func newReconcilers(t *testing.T, objects ...client.Object) (*AttributionDatabaseReconciler, *ReferralCampaignReconciler) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(&v1alpha1.ReferralCampaign{}).Build()
	events, registry, missing := newRecorder(c), hosting.NewRegistry(hosting.Options{}), newAbsence(time.Now)
	return &AttributionDatabaseReconciler{
			client: c, live: c, reporter: newReporter(c, events, time.Now), registry: registry, granted: newGrantMemory(), absence: missing,
			verifications: hosting.NewVerifications(registry.Verify, time.Now), now: time.Now, retries: newBusyRetries(0, 0),
		}, &ReferralCampaignReconciler{
			client: c, live: c, reporter: newReporter(c, events, time.Now), registry: registry, now: time.Now, absence: missing,
			retries: newBusyRetries(0, 0),
		}
}

func TestNothingIsKeptOfADatabaseThatIsGone(t *testing.T) {
	databases, _ := newReconcilers(t)
	for n := range 10 {
		name := types.NamespacedName{Namespace: "growth", Name: fmt.Sprint("preview-", n)}
		databases.granted.remember(name, granted{db: &postgres.DB{}})
		databases.refused.lasts(name, time.Now())
		databases.verifications.Start(name, "uid", "")
		databases.absence.observe(&v1alpha1.AttributionDatabase{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name, UID: "uid"}}, true, true)
		databases.absence.saw(campaignOf(name, "invite"))
		databases.absence.objectGone(client.ObjectKeyFromObject(campaignOf(name, "invite")))
		if _, err := databases.Reconcile(t.Context(), ctrl.Request{NamespacedName: name}); err != nil {
			t.Fatal(err)
		}
		if databases.verifications.State(name, "uid").Running {
			t.Errorf("the verification of %s goes on", name)
		}
	}
	if kept := databases.granted.found; len(kept) > 0 {
		t.Errorf("of roles it keeps %v", kept)
	}
	if kept := databases.refused.since; len(kept) > 0 {
		t.Errorf("of waits it keeps %v", kept)
	}
	if a := databases.absence; len(a.ready)+len(a.seen)+len(a.gone) > 0 {
		t.Errorf("it keeps databases %v, campaigns %v, deleted campaigns %v", a.ready, a.seen, a.gone)
	}
}

func campaignOf(database types.NamespacedName, name string) *v1alpha1.ReferralCampaign {
	return &v1alpha1.ReferralCampaign{
		ObjectMeta: metav1.ObjectMeta{Namespace: database.Namespace, Name: database.Name + "-" + name, UID: types.UID(name)},
		Spec:       v1alpha1.ReferralCampaignSpec{DatabaseRef: v1alpha1.ObjectReference{Name: database.Name}, PolicyRef: v1alpha1.ObjectReference{Name: "none"}},
	}
}

func TestCampaignThatWasNeverDeclaredIsForgottenOnceItIsGone(t *testing.T) {
	for name, objects := range map[string][]client.Object{
		"its database does not exist": nil,
		"its database was never read": {&v1alpha1.AttributionDatabase{ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: "shop"}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, campaigns := newReconcilers(t, objects...)
			campaign := campaignOf(types.NamespacedName{Namespace: "growth", Name: "shop"}, "invite")
			request := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(campaign)}
			if err := campaigns.client.Create(t.Context(), campaign); err != nil {
				t.Fatal(err)
			}
			_, _ = campaigns.Reconcile(t.Context(), request) // the fake API server refuses the status
			if _, seen := campaigns.absence.lastSeen(request.NamespacedName, types.NamespacedName{Namespace: "growth", Name: "shop"}); !seen {
				t.Fatal("it was not seen")
			}
			if err := campaigns.client.Delete(t.Context(), campaign); err != nil {
				t.Fatal(err)
			}
			if _, err := campaigns.Reconcile(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			if a := campaigns.absence; len(a.seen)+len(a.gone) > 0 {
				t.Errorf("it keeps campaigns %v, deleted campaigns %v", a.seen, a.gone)
			}
		})
	}
}
