package controllers_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestRequestedResyncIsAnsweredWhenItHasEnded(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.shop(own, oneFriend)
	campaign := w.rcamp("invite-friends")
	await(w, campaign, "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
	for _, moment := range []string{
		"2026-11-22T10:00:00Z", "once more",
		"Tue Dec  1 10:00:00 UTC 2026", // as date(1) writes it in the C locale
		strings.Repeat("again ", 200),
	} {
		w.annotate("rcamp", "invite-friends", v1alpha1.RequestedAtAnnotation, moment)
		await(w, campaign, "answered", func(c *v1alpha1.ReferralCampaign) bool {
			return c.Status.LastHandledReconcileAt == moment && c.Status.LastResyncTime != nil
		})
	}
	if corrected := campaign.Status.DriftCorrected; corrected != 0 {
		t.Errorf("%d differences where there are none", corrected)
	}
}

func TestRepairedDriftIsOneEvent(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.shop(own, oneFriend)
	campaign := w.rcamp("invite-friends")
	await(w, campaign, "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
	w.sql(own, "SET session_replication_role = replica; DELETE FROM referral.pair WHERE user_id = 'bob'")
	w.annotate("rcamp", "invite-friends", v1alpha1.RequestedAtAnnotation, "now")
	await(w, campaign, "answered", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.LastHandledReconcileAt == "now" })
	await(w, campaign, "put right", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.DriftCorrected > 0 })
	w.awaitEvent("DriftCorrected", "repaired drift: 1 pair")
	if granted := value[int](w, own, "SELECT count(*)::int FROM referral.pair WHERE state = 'Granted'"); granted != 1 {
		t.Errorf("%d granted pairs", granted)
	}

	// Neither a restart nor a resync that finds nothing records it again.
	w.stop()
	w.startManager()
	w.annotate("rcamp", "invite-friends", v1alpha1.RequestedAtAnnotation, "again")
	await(w, campaign, "answered", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.LastHandledReconcileAt == "again" })
	w.settled()
	w.awaitMore(campaign, 0) // the reconcile that answered records events last
	if events := w.countEvents("DriftCorrected"); events != 1 {
		t.Errorf("%d events", events)
	}
}

// withhold writes an incident itself: what makes an incident is the engine's business.
func (w *world) withhold(own *testworld.Database) {
	w.Helper()
	w.sql(own, "INSERT INTO referral.incident (id, campaign, cause, state, present, withheld) VALUES ('incident-7', 'invite-friends', 'MassReversal', 'Open', 200, 120)")
}

func TestReversalsForMissingRowsWaitForPermission(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	campaign := w.rcamp("invite-friends")
	w.withhold(own)
	lost := w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.MassReversalReason)
	if !meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.StalledCondition) ||
		!strings.Contains(lost.Message, "of 120 pairs, of 200 held or granted, are missing") {
		t.Errorf("conditions: %v", campaign.Status.Conditions)
	}
	w.annotate("rcamp", "invite-friends", v1alpha1.AllowReversalsAnnotation, "incident-6")
	w.patch("rcamp", "invite-friends", `{"suspend": true}`)
	await(w, campaign, "suspended, with the incident", func(c *v1alpha1.ReferralCampaign) bool {
		stalled := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.StalledCondition)
		if stalled == nil || stalled.Reason != v1alpha1.MassReversalReason {
			return false
		}
		lost = *stalled
		return strings.Contains(lost.Message, "nothing else is granted or reversed until spec.suspend is false")
	})
	const permitted = "SELECT state = 'Permitted' FROM referral.incident"
	if value[bool](w, own, permitted) {
		t.Error("another incident's permission was taken")
	}
	w.asPasted(lost.Message)
	w.awaitReason(campaign, metav1.ConditionTrue, v1alpha1.SuspendedReason)
	if !value[bool](w, own, permitted) {
		t.Error("the permission was not recorded")
	}
}

// A campaign that was deleted with Retain has no object that could show its incident.
func TestIncidentOfADeletedCampaignShowsOnItsDatabase(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	campaign, adb := w.rcamp("invite-friends"), w.adb("shop")
	w.withhold(own)
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.MassReversalReason)
	check(t, w.client.Delete(t.Context(), campaign))
	const says = "120 pairs of the closed campaign invite-friends are not reversed, since their signups or purchases are missing (incident incident-7)"
	await(w, adb, "Ready, with the incident", func(adb *v1alpha1.AttributionDatabase) bool {
		ready := meta.FindStatusCondition(adb.Status.Conditions, v1alpha1.ReadyCondition)
		return ready != nil && ready.Status == metav1.ConditionTrue && strings.Contains(ready.Message, says)
	})
	w.awaitEvent("MassReversal", says)

	page, err := os.ReadFile("../docs/drift.md")
	check(t, err)
	statement := regexp.MustCompile(`(?s)  WITH permitted AS .*?FROM permitted;`).FindString(string(page))
	w.sql(own, strings.Replace(statement, "<id>", "incident-7", 1))
	if permitted := value[int](w, own, `SELECT count(*)::int FROM referral.incident WHERE state = 'Permitted'`); permitted != 1 {
		t.Errorf("%d incidents were permitted by: %s", permitted, statement)
	}
	await(w, adb, "Ready, without the incident", func(adb *v1alpha1.AttributionDatabase) bool {
		ready := meta.FindStatusCondition(adb.Status.Conditions, v1alpha1.ReadyCondition)
		return ready.Status == metav1.ConditionTrue && !strings.Contains(ready.Message, "incident")
	})
	if events := w.countEvents("MassReversal"); events != 2 { // of the campaign, and of the database
		t.Errorf("%d events", events)
	}
}
