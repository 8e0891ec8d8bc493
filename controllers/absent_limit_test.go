package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
)

// newEmptyCache returns a cache without campaigns.
func newEmptyCache(t *testing.T) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).
		WithIndex(&v1alpha1.ReferralCampaign{}, campaignByDatabase, func(client.Object) []string { return nil }).Build()
}

// newCurrentScope returns a scope of a database whose schema has this binary's versions.
func newCurrentScope() *databaseScope {
	adb := &v1alpha1.AttributionDatabase{ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: "shop", UID: "uid"}}
	return &databaseScope{
		adb: adb, name: client.ObjectKeyFromObject(adb), success: success{requeueAfter: time.Hour},
		schema: database.Status{Versions: database.Known()},
	}
}

// A database can name thousands of campaigns that have no object.
func TestOneReconcileLooksAtFewAbsentCampaigns(t *testing.T) {
	cached := newEmptyCache(t)
	requests := 0
	live := interceptor.NewClient(cached, interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
			requests++ // the cache lags behind: there is an object
			object.SetName(key.Name)
			object.(*v1alpha1.ReferralCampaign).Spec.DatabaseRef.Name = "shop"
			return nil
		},
	})
	now := time.Now()
	r := &AttributionDatabaseReconciler{client: cached, live: live, absence: newAbsence(func() time.Time { return now })}
	s := newCurrentScope()
	r.absence.observe(s.adb, true, true)
	now = now.Add(2 * absenceGrace)
	for n := range 1000 {
		s.schema.Campaigns = append(s.schema.Campaigns, database.CampaignStatus{Name: fmt.Sprint("campaign-", n), Mode: database.Open, UID: "c"})
	}
	if err := r.closeAbsentCampaigns(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if requests != 20 || s.success.requeueAfter > 5*time.Second {
		t.Errorf("%d requests, and the next reconcile follows after %s", requests, s.success.requeueAfter)
	}
}

// A campaign is known until its object is gone and its database, read after that, does not have it,
// or has it Closed.
func TestCampaignIsForgottenOnceItsObjectIsGoneAndItIsClosed(t *testing.T) {
	shop := client.ObjectKey{Namespace: "growth", Name: "shop"}
	for name, test := range map[string]struct {
		declared  []database.CampaignStatus
		exists    bool // the object
		readFirst bool // the database was read before the object was gone
		forgotten bool
	}{
		"closed":                           {declared: []database.CampaignStatus{{Name: "shop-invite", Mode: database.Closed, UID: "invite"}}, forgotten: true},
		"never declared":                   {forgotten: true},
		"declared by an earlier object":    {declared: []database.CampaignStatus{{Name: "shop-invite", Mode: database.Open, UID: "earlier"}}},
		"to be closed":                     {declared: []database.CampaignStatus{{Name: "shop-invite", Mode: database.Open, UID: "invite"}}},
		"closed, with an object":           {declared: []database.CampaignStatus{{Name: "shop-invite", Mode: database.Closed, UID: "invite"}}, exists: true},
		"declared since the database read": {readFirst: true},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAbsence(time.Now)
			campaign := campaignOf(shop, "invite")
			key := client.ObjectKeyFromObject(campaign)
			a.saw(campaign)
			gone := a.goneFrom(shop)
			if !test.exists {
				a.objectGone(key)
			}
			if !test.readFirst {
				gone = a.goneFrom(shop)
			}
			a.forgetUndeclared(shop, gone, test.declared)
			if _, seen := a.lastSeen(key, shop); seen == test.forgotten {
				t.Errorf("seen: %t", seen)
			}
			if test.forgotten && len(a.gone) > 0 {
				t.Errorf("it keeps %v", a.gone)
			}
		})
	}
}

// A new object of the same name is another campaign.
func TestDeletedCampaignThatWasCreatedAgainStaysKnown(t *testing.T) {
	shop := client.ObjectKey{Namespace: "growth", Name: "shop"}
	a := newAbsence(time.Now)
	campaign := campaignOf(shop, "invite")
	a.saw(campaign)
	a.objectGone(client.ObjectKeyFromObject(campaign))
	campaign.UID = "again"
	a.saw(campaign)
	a.forgetUndeclared(shop, a.goneFrom(shop), nil)
	if uid, _ := a.lastSeen(client.ObjectKeyFromObject(campaign), shop); uid != "again" || len(a.gone) > 0 {
		t.Errorf("it knows %v, and of deleted ones %v", a.seen, a.gone)
	}
}

// A campaign that is created anew in another database may be seen there before it is closed in the
// first.
func TestCampaignThatMovedIsGoneFromItsFirstDatabase(t *testing.T) {
	shop, other := client.ObjectKey{Namespace: "growth", Name: "shop"}, client.ObjectKey{Namespace: "growth", Name: "other"}
	a := newAbsence(time.Now)
	first := campaignOf(shop, "invite")
	first.UID = "first"
	key := client.ObjectKeyFromObject(first)
	a.reconciles(first)
	moved := first.DeepCopy()
	moved.Spec.DatabaseRef.Name, moved.UID = other.Name, "moved"
	a.saw(moved) // by the other database, while the first object may still be being declared
	if uid, _ := a.lastSeen(key, shop); uid != "first" || len(a.gone) > 0 {
		t.Errorf("it knows %v, and of deleted ones %v", a.seen, a.gone)
	}
	a.reconciles(moved)
	for database, want := range map[client.ObjectKey]types.UID{shop: "first", other: "moved"} {
		if uid, seen := a.lastSeen(key, database); !seen || uid != want {
			t.Errorf("in %s it has seen %q", database.Name, uid)
		}
	}
	a.forgetUndeclared(shop, a.goneFrom(shop), []database.CampaignStatus{{Name: key.Name, Mode: database.Closed, UID: "first"}})
	if _, seen := a.lastSeen(key, shop); seen || len(a.gone) > 0 {
		t.Errorf("closed, it is still known in the first: %v", a.gone)
	}
	if _, seen := a.lastSeen(key, other); !seen {
		t.Error("it is not known in the other any more")
	}
}
