package controllers_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// eventsAbout lists the events about one kind of object, oldest first.
func (w *world) eventsAbout(kind string) []eventsv1.Event {
	w.Helper()
	var list eventsv1.EventList
	check(w, w.client.List(w.Context(), &list, client.InNamespace(w.namespace)))
	about := slices.DeleteFunc(list.Items, func(e eventsv1.Event) bool { return e.Regarding.Kind != kind })
	last := func(e eventsv1.Event) time.Time {
		if e.Series != nil {
			return e.Series.LastObservedTime.Time
		}
		return e.EventTime.Time
	}
	slices.SortFunc(about, func(a, b eventsv1.Event) int { return last(a).Compare(last(b)) })
	return about
}

func TestHarmlessEditsNeverLeaveReady(t *testing.T) {
	t.Parallel()
	w, _ := newShop(t)
	watching, err := client.NewWithWatch(w.cluster.Config(), client.Options{Scheme: scheme})
	check(t, err)
	watched, err := watching.Watch(t.Context(), &v1alpha1.AttributionDatabaseList{}, client.InNamespace(w.namespace))
	check(t, err)
	defer watched.Stop()
	earlier := len(w.eventsAbout("AttributionDatabase"))
	adb := w.adb("shop")
	for i := range 14 {
		w.patch("adb", "shop", fmt.Sprintf(`{"attribution":%q}`, []string{"FirstTouch", "LastTouch"}[i%2]))
		w.awaitReady(adb)
	}
	for adb.Status.ObservedGeneration != adb.Generation {
		w.awaitReady(adb)
	}
	for {
		event := <-watched.ResultChan()
		seen, ok := event.Object.(*v1alpha1.AttributionDatabase)
		if !ok {
			t.Fatalf("watched %v", event)
		}
		if !meta.IsStatusConditionTrue(seen.Status.Conditions, v1alpha1.ReadyCondition) {
			t.Errorf("generation %d: %+v", seen.Generation, seen.Status.Conditions)
		}
		if seen.Status.ObservedGeneration == adb.Generation {
			break
		}
	}
	if events := w.eventsAbout("AttributionDatabase"); len(events) != earlier {
		t.Errorf("events about edits that change nothing about the connection: %v", events[earlier:])
	}
}

func TestLastEventAgreesWithStatus(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	agrees := func(ready metav1.Condition) {
		t.Helper()
		w.eventually("announced: "+ready.Reason, func() bool {
			events := w.eventsAbout("AttributionDatabase")
			last := events[len(events)-1]
			return last.Reason == ready.Reason && last.Note == ready.Message
		})
	}
	for range 5 {
		w.secret("shop-db", map[string]string{"uri": "nonsense"})
		w.patch("adb", "shop", `{"maxConnections":5}`)
		w.annotate("adb", "shop", v1alpha1.RequestedAtAnnotation, time.Now().String())
		agrees(w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.InvalidURIReason))
		w.secret("shop-db", map[string]string{"uri": own.URI})
		w.annotate("adb", "shop", v1alpha1.RequestedAtAnnotation, time.Now().String())
		agrees(w.awaitReason(w.adb("shop"), metav1.ConditionTrue, v1alpha1.ReadyReason))
	}
}

// The objects of a shop are applied in any order, one after the other.
func TestNormalStartMakesNoWarning(t *testing.T) {
	t.Parallel()
	w := newQuietWorld(t)
	w.ahead.Store(int64(-time.Hour)) // so that no object counts as a minute old
	w.startManager()
	own := w.newDatabase()
	campaign := w.rcamp("invite-friends")
	w.apply(inviteFriendsYAML)
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.DatabaseNotReadyReason)
	w.apply(shopYAML)
	w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.SecretNotFoundReason)
	w.secret("shop-db", map[string]string{"uri": own.URI})
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.PolicyNotFoundReason)
	w.apply(fiveDollarsYAML)
	w.awaitReady(campaign)
	w.awaitReady(w.rpol("five-dollars"))
	w.awaitReady(w.adb("shop"))
	for _, kind := range []string{"AttributionDatabase", "RewardPolicy", "ReferralCampaign"} {
		for _, event := range w.eventsAbout(kind) {
			if event.Type != corev1.EventTypeNormal {
				t.Errorf("%s %s: %s: %s", kind, event.Type, event.Reason, event.Note)
			}
		}
	}
}
