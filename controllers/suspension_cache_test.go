package controllers

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// direct is a registry whose database can always be used.
type direct struct {
	vanishingReport
	db *postgres.DB
}

func (d *direct) Use(ctx context.Context, _ types.NamespacedName, use func(context.Context, *postgres.DB) error) error {
	return use(ctx, d.db)
}

// annotated reads objects with the annotation that suspends them.
type annotated struct{ client.Reader }

func (a annotated) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	err := a.Reader.Get(ctx, key, object, options...)
	object.SetAnnotations(map[string]string{v1alpha1.SuspendAnnotation: "true"})
	return err
}

// The cache of a new leader may lag behind the annotation by which the leader before has suspended.
func TestCacheThatLacksTheSuspensionResumesNoCampaign(t *testing.T) {
	t.Parallel()
	db := newOwnedDatabase(t, database.Identity{Installation: "default", Name: "growth/shop", UID: "uid-shop"})
	r, key := newCampaignReconciler(t, &direct{vanishingReport{changes: hosting.NewFeed()}, db})
	cached := r.client
	mode := func() database.Mode {
		t.Helper()
		_, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key})
		testworld.Must(t, err)
		status, err := database.ReadStatus(t.Context(), db)
		testworld.Must(t, err)
		return countersOf(status, key.Name).Mode
	}
	var campaign v1alpha1.ReferralCampaign
	testworld.Must(t, cached.Get(t.Context(), key, &campaign))
	campaign.Annotations = map[string]string{v1alpha1.SuspendAnnotation: "true"}
	campaign.Spec.AttributionWindow = &v1alpha1.Duration{Duration: 720 * time.Hour} // the CRD's default
	testworld.Must(t, cached.Update(t.Context(), &campaign))
	if is := mode(); is != database.Suspended {
		t.Fatalf("the campaign is %s", is)
	}
	testworld.Must(t, cached.Get(t.Context(), key, &campaign))
	campaign.Annotations = nil
	testworld.Must(t, cached.Update(t.Context(), &campaign))
	r.live = annotated{cached}
	if is := mode(); is != database.Suspended {
		t.Errorf("suspended according to the API server, the campaign is %s", is)
	}
	r.live = cached
	if is := mode(); is != database.Open {
		t.Errorf("resumed, the campaign is %s", is)
	}
}

func TestOldCacheResumesNoDatabase(t *testing.T) {
	t.Parallel()
	s := newCurrentScope()
	s.identity = database.Identity{Installation: "default", Name: "growth/shop", UID: string(s.adb.UID)}
	s.db = newOwnedDatabase(t, s.identity)
	testworld.Must(t, database.SetSuspended(t.Context(), s.db, s.identity.UID, 0, true))
	s.schema.Suspended = true
	cached := newEmptyCache(t)
	testworld.Must(t, cached.Create(t.Context(), s.adb.DeepCopy()))
	r := &AttributionDatabaseReconciler{client: cached, live: annotated{cached}}
	suspended := func() bool {
		status, err := database.ReadStatus(t.Context(), s.db)
		testworld.Must(t, err)
		return status.Suspended
	}
	waits := func(err error) bool {
		wait, ok := errors.AsType[*waitingError](r.explain(s, err, v1alpha1.FailedReason))
		return ok && wait.shown == never
	}
	if err := r.resume(t.Context(), s); err == nil || !waits(err) || !suspended() {
		t.Errorf("suspended according to the API server: %v, suspended: %t", err, suspended())
	}
	s.schema.Versions = database.Versions{Schema: 1}
	if err := r.migrate(t.Context(), s); err == nil || !waits(err) {
		t.Errorf("migrated: %v", err)
	}
	r.live = cached
	if err := r.resume(t.Context(), s); err != nil || suspended() {
		t.Errorf("resumed: %v, suspended: %t", err, suspended())
	}
}
