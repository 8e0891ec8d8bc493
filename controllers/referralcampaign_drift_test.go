package controllers_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// The incident is written by hand: what makes one is the engine's to know.
func TestReversalsForLostRowsWaitForAPermission(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	campaign := w.rcamp("invite-friends")
	w.sql(own, "INSERT INTO referral.loss (campaign, incident, pairs, granted) VALUES ('invite-friends', 'incident-7', 120, 200)")
	lost := w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.MassReversalReason)
	if !meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.StalledCondition) ||
		!strings.Contains(lost.Message, "of 120 pairs, of 200 held or granted, are missing") {
		t.Errorf("conditions: %v", campaign.Status.Conditions)
	}
	w.kubectl("", "annotate", "rcamp", "invite-friends", v1alpha1.AllowReversalsAnnotation+"=incident-6")
	pause(3 * statusInterval)
	if value[bool](w, own, "SELECT allowed FROM referral.loss") {
		t.Error("another incident's permission was taken")
	}
	w.asPasted(lost.Message)
	w.awaitReady(campaign)
	if !value[bool](w, own, "SELECT allowed FROM referral.loss") {
		t.Error("the permission was not recorded")
	}
}
