package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
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
	known := database.Known()
	return &databaseScope{
		adb: adb, name: client.ObjectKeyFromObject(adb), success: success{requeueAfter: time.Hour},
		schema: database.Status{SchemaVersion: known.Schema, RulesVersion: known.Rules},
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
	r.absence.observe(s.adb, true)
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

func TestClosedCampaignWithoutAnObjectIsForgotten(t *testing.T) {
	cached := newEmptyCache(t)
	r := &AttributionDatabaseReconciler{client: cached, live: cached, absence: newAbsence(time.Now)}
	s := newCurrentScope()
	for name, declared := range map[string]string{"closed": "closed-uid", "created-again": "earlier-uid"} {
		r.absence.saw(&v1alpha1.ReferralCampaign{ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: name, UID: "closed-uid"}})
		s.schema.Campaigns = append(s.schema.Campaigns, database.CampaignStatus{Name: name, Mode: database.Closed, UID: declared})
	}
	if err := r.closeAbsentCampaigns(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if key := (client.ObjectKey{Namespace: "growth", Name: "created-again"}); len(r.absence.seen) != 1 || r.absence.seen[key] != "closed-uid" {
		t.Errorf("it knows %v", r.absence.seen)
	}
}
