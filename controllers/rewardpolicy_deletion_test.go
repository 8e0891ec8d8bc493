package controllers_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// Its campaigns follow it until it is gone, edits included.
func TestPolicyThatIsBeingDeletedReportsItsEdits(t *testing.T) {
	t.Parallel()
	w, _ := newShop(t)
	policy := w.rpol("five-dollars")
	w.merge("rpol", "five-dollars", `{"metadata":{"finalizers":["`+foreign+`"]}}`)
	check(t, w.client.Delete(t.Context(), policy))
	w.patch("rpol", "five-dollars", `{"holdPeriod":"1h"}`)
	w.awaitReady(policy)
	await(w, w.rcamp("invite-friends"), "following", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Policy.Generation == policy.Generation && c.Status.Policy.Digest == policy.Status.Digest
	})
	w.merge("rpol", "five-dollars", `{"metadata":{"finalizers":null}}`)
	w.awaitGone(policy)
}
