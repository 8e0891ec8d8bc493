package controllers

import (
	"fmt"
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
)

func TestIncidentsOfManyClosedCampaignsAreOneEvent(t *testing.T) {
	var campaigns []database.CampaignStatus
	for n := range 9000 {
		loss := &database.MassReversal{ID: fmt.Sprint("i", n), Pairs: 7}
		campaigns = append(campaigns, database.CampaignStatus{
			Name: fmt.Sprint("summer-", n), Mode: database.Closed, Resync: database.ResyncStatus{MassReversal: loss},
		})
	}
	before := closedIncidents(campaigns[:3])
	if note := newIncidents(before, closedIncidents(campaigns)); !strings.Contains(note, "summer-") || !strings.Contains(note, "8996 further") {
		t.Errorf("got %q", note)
	}
	if note := newIncidents(before, closedIncidents(campaigns[:4])); strings.Contains(note, "further") || !strings.Contains(note, "summer-3 ") {
		t.Errorf("got %q", note)
	}
	if note := newIncidents(before, before[:2]); note != "" {
		t.Errorf("got %q", note)
	}
}

func TestEventHasNoControlCharacters(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, eventsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	api := fake.NewClientBuilder().WithScheme(scheme).Build()
	adb := &v1alpha1.AttributionDatabase{ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: "shop", UID: "1"}}
	const hostile = "campaign x\n\x1b[2J is closed"
	newRecorder(api).note(t.Context(), adb, "Warning", "MassReversal", hostile)
	setCondition(adb, v1alpha1.ReadyCondition, metav1.ConditionTrue, "Connected", hostile)
	var list eventsv1.EventList
	if err := api.List(t.Context(), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%d events, %v", len(list.Items), err)
	}
	for where, text := range map[string]string{"event": list.Items[0].Note, "condition": readyCondition(adb).Message} {
		if strings.ContainsAny(text, "\n\x1b") || !strings.Contains(text, "is closed") {
			t.Errorf("%s: %q", where, text)
		}
	}
}

func TestAbsenceRemembersABoundedNumberOfDeletedCampaigns(t *testing.T) {
	a := newAbsence(nil)
	key := func(n int) client.ObjectKey {
		return client.ObjectKey{Namespace: "growth", Name: fmt.Sprint("preview-", n)}
	}
	for n := range mostGone + 1000 {
		campaign := &v1alpha1.ReferralCampaign{ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: key(n).Name, UID: types.UID(key(n).Name)}}
		campaign.Spec.DatabaseRef.Name = "shop"
		a.saw(campaign)
		if _, known := a.objectGone(key(n)); !known {
			t.Fatalf("campaign %d is not known", n)
		}
	}
	shop := client.ObjectKey{Namespace: "growth", Name: "shop"}
	if len(a.goneFrom(shop)) != mostGone || len(a.seen) != mostGone {
		t.Errorf("it remembers %d and %d campaigns", len(a.goneFrom(shop)), len(a.seen))
	}
	if _, seen := a.lastSeen(key(mostGone+999), shop); !seen {
		t.Error("it has forgotten the newest one")
	}
}
