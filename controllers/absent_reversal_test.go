package controllers

import (
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The report on the database may be older than the end of a reversal, after which nothing has kept
// the object.
func TestOnlyAReversalThatWasNotCompleteKeepsCredits(t *testing.T) {
	t.Parallel()
	for name, complete := range map[string]bool{"complete": true, "under way": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newCurrentScope()
			s.identity = database.Identity{Installation: "default", Name: "growth/shop", UID: string(s.adb.UID)}
			s.db = newOwnedDatabase(t, s.identity)
			campaign := database.Campaign{OwnerUID: s.identity.UID, Name: "invite-friends", UID: "c"}
			_, err := database.Declare(t.Context(), s.db, database.Declaration{
				Campaign: campaign, Mode: database.Open, Generation: 1, AttributionWindow: time.Hour, Scope: "NewPairs",
				Digest: "sha256:a", Terms: []byte(`{"purchases":"First","rewards":[]}`),
			})
			testworld.Must(t, err)
			_, err = database.ReverseCampaign(t.Context(), s.db, campaign)
			testworld.Must(t, err)
			status, err := database.ReadStatus(t.Context(), s.db)
			testworld.Must(t, err)
			s.schema = status
			if mode := status.Campaigns[0].Mode; mode != database.Reversing {
				t.Fatalf("the campaign is %s", mode)
			}
			if complete {
				_, err := database.CloseCampaign(t.Context(), s.db, campaign)
				testworld.Must(t, err)
			}
			scheme := runtime.NewScheme()
			testworld.Must(t, v1alpha1.AddToScheme(scheme))
			testworld.Must(t, eventsv1.AddToScheme(scheme))
			cached := fake.NewClientBuilder().WithScheme(scheme).
				WithIndex(&v1alpha1.ReferralCampaign{}, campaignByDatabase, func(client.Object) []string { return nil }).Build()
			r := &AttributionDatabaseReconciler{
				client: cached, live: cached, absence: newAbsence(time.Now), reporter: newReporter(cached, newRecorder(cached), time.Now),
			}
			_, err = r.closeSomeAbsentCampaigns(t.Context(), s)
			testworld.Must(t, err)
			var events eventsv1.EventList
			testworld.Must(t, cached.List(t.Context(), &events))
			if warned := len(events.Items) > 0; warned == complete {
				t.Errorf("events: %+v", events.Items)
			}
		})
	}
}
