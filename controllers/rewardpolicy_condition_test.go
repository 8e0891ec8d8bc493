package controllers_test

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// ask gives the policy a condition.
func (w *world) ask(condition string) {
	w.Helper()
	spec, err := json.Marshal(map[string]any{"qualification": map[string]any{"condition": condition}})
	check(w, err)
	w.patch("rpol", "five-dollars", string(spec))
}

func TestInvalidConditionShowsWhenThePolicyIsApplied(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	policy, campaign := w.rpol("five-dollars"), w.rcamp("invite-friends")

	w.ask("purchase.amount >= 2000 &&\n  link.lable != 'press'")
	ready := w.awaitReason(policy, metav1.ConditionFalse, v1alpha1.InvalidSpecReason)
	const mistake = `spec.qualification.condition: 2:3: link has no "lable": it has code, label`
	if ready.Message != mistake {
		t.Errorf("the message of an invalid condition is %q", ready.Message)
	}
	if !meta.IsStatusConditionTrue(policy.Status.Conditions, v1alpha1.StalledCondition) {
		t.Errorf("it is not Stalled: %v", policy.Status.Conditions)
	}

	// The campaign keeps its last good revision, and goes on by it.
	w.shop(own, oneFriend)
	await(w, campaign, "granted by revision 1", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Pairs.Granted == 1 && c.Status.Policy.Revision == 1
	})

	w.ask("purchase.attributes.category != 'gift-card'")
	await(w, policy, "Ready with a warning", func(p *v1alpha1.RewardPolicy) bool {
		ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ReadyCondition)
		return ready != nil && ready.Status == metav1.ConditionTrue && strings.Contains(ready.Message,
			"; warning: spec.qualification.condition: 1:20: where purchase.attributes has no 'category' the condition breaks off")
	})
	w.shop(own, `INSERT INTO referral.signup (user_id, code) VALUES ('carol', 'alice-1'), ('dave', 'alice-1');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes) VALUES
			('carol', 'order-2', 2500, 'USD', '{}'), ('dave', 'order-3', 2500, 'USD', '{"category": "book"}')`)
	await(w, campaign, "granted by revision 2, with an error counted", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Pairs.Granted == 2 && c.Status.ConditionErrors > 0 && c.Status.Policy.Revision == 2
	})
}
