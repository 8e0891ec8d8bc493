package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// plan creates a plan whose spec is YAML in one line.
func (w *world) plan(name, spec string) *v1alpha1.RewardPlan {
	w.Helper()
	for _, plan := range w.decode(planYAML(name, spec)) {
		check(w, w.client.Create(w.Context(), plan, client.FieldValidation(metav1.FieldValidationStrict)))
	}
	return w.rplan(name)
}

func planYAML(name, spec string) string {
	return fmt.Sprintf("---\napiVersion: referral-operator.io/v1alpha1\nkind: RewardPlan\nmetadata: {name: %s}\nspec: %s\n", name, spec)
}

// drift is the spec of a plan without an edit.
const drift = `{campaignRef: {name: invite-friends}}`

// awaitStalled waits until a plan has failed for this reason, and returns the message.
func (w *world) awaitStalled(plan *v1alpha1.RewardPlan, reason string) string {
	w.Helper()
	ready := w.awaitReason(plan, metav1.ConditionFalse, reason)
	stalled := meta.FindStatusCondition(plan.Status.Conditions, v1alpha1.StalledCondition)
	if stalled == nil || stalled.Status != metav1.ConditionTrue || stalled.Reason != reason || stalled.Message != ready.Message {
		w.Errorf("not Stalled in the same words: %+v", plan.Status.Conditions)
	}
	if meta.FindStatusCondition(plan.Status.Conditions, v1alpha1.ReconcilingCondition) != nil {
		w.Errorf("Reconciling although it is Stalled: %+v", plan.Status.Conditions)
	}
	if plan.Status.ObservedGeneration != plan.Generation {
		w.Errorf("observedGeneration %d of a plan that has failed", plan.Status.ObservedGeneration)
	}
	return ready.Message
}

// What the schema cannot refuse ends as Stalled, in the words of the real object and with its
// paths.
func TestPlanOfWhatCanNeverWorkIsStalledInTheWordsOfTheRealThing(t *testing.T) {
	t.Parallel()
	w, _ := newShop(t)
	const (
		fixed    = `rewards: [{name: inviter, beneficiary: Referrer, fixed: {amount: %q, currency: %s}}]`
		campaign = `databaseRef: {name: shop}, policyRef: {name: five-dollars}`
	)
	cases := []struct{ name, spec, reason, message string }{
		{
			"campaign-missing", `{campaignRef: {name: nothing}}`, v1alpha1.CampaignNotFoundReason,
			"spec.campaignRef: there is no ReferralCampaign " + w.namespace + "/nothing",
		},
		{
			"campaign-missing-policy-proposed", `{campaignRef: {name: nothing}, proposed: {policy: {` + fmt.Sprintf(fixed, "7.00", "USD") + `}}}`,
			v1alpha1.CampaignNotFoundReason, "set spec.proposed.campaign to plan its creation",
		},
		{
			"campaign-missing-deleted", `{campaignRef: {name: nothing}, proposed: {delete: true}}`, v1alpha1.CampaignNotFoundReason,
			"spec.campaignRef: there is no ReferralCampaign",
		},
		{
			"policy-missing", `{campaignRef: {name: invite-friends}, proposed: {campaign: {databaseRef: {name: shop}, policyRef: {name: nothing}}}}`,
			v1alpha1.PolicyNotFoundReason, "spec.policyRef: there is no RewardPolicy " + w.namespace + "/nothing",
		},
		{
			"condition", `{campaignRef: {name: invite-friends}, proposed: {policy: {qualification: {condition: "link.lable != 'press'"}, ` + fmt.Sprintf(fixed, "7.00", "USD") + `}}}`,
			v1alpha1.PolicyInvalidReason,
			"RewardPolicy " + w.namespace + `/five-dollars: spec.qualification.condition: 1:1: link has no "lable": it has code, label`,
		},
		{
			"decimals", `{campaignRef: {name: invite-friends}, proposed: {policy: {` + fmt.Sprintf(fixed, "7.001", "USD") + `}}}`,
			v1alpha1.PolicyInvalidReason, `spec.rewards[inviter].fixed.amount: amount "7.001" has more decimals than USD, which has at most 2`,
		},
		{
			"currency", `{campaignRef: {name: invite-friends}, proposed: {policy: {` + fmt.Sprintf(fixed, "7", "XQZ") + `}}}`,
			v1alpha1.PolicyInvalidReason, `spec.rewards[inviter].fixed.currency: currency "XQZ" is not known`,
		},
		{
			"budget-decimals", `{campaignRef: {name: invite-friends}, proposed: {campaign: {` + campaign + `, budget: {amount: "1.5", currency: JPY}}}}`,
			v1alpha1.InvalidSpecReason, `spec.budget.amount: amount "1.5" has more decimals than JPY`,
		},
		{
			"budget-currency", `{campaignRef: {name: invite-friends}, proposed: {campaign: {` + campaign + `, budget: {amount: "100", currency: EUR}}}}`,
			v1alpha1.InvalidSpecReason, `spec.budget.currency: reward "inviter" of RewardPolicy five-dollars is never paid in EUR`,
		},
		{
			"budget-of-the-proposed-policy", `{campaignRef: {name: invite-friends}, proposed: {policy: {` + fmt.Sprintf(fixed, "7.00", "EUR") +
				`}, campaign: {` + campaign + `, budget: {amount: "100", currency: USD}}}}`,
			v1alpha1.InvalidSpecReason, `spec.budget.currency: reward "inviter" of RewardPolicy five-dollars is never paid in USD`,
		},
		{
			"database", `{campaignRef: {name: invite-friends}, proposed: {campaign: {databaseRef: {name: other}, policyRef: {name: five-dollars}}}}`,
			v1alpha1.InvalidSpecReason, "spec.proposed.campaign: spec.databaseRef: databaseRef is immutable; delete this ReferralCampaign and create another to use another database",
		},
	}
	var plans strings.Builder
	for _, tc := range cases {
		plans.WriteString(planYAML(tc.name, tc.spec))
	}
	w.apply(plans.String())
	for _, tc := range cases {
		if message := w.awaitStalled(w.rplan(tc.name), tc.reason); !strings.Contains(message, tc.message) {
			t.Errorf("%s: the message is %q", tc.name, message)
		}
	}
}

func TestPlanIsPendingWhileItsDatabaseIsAwayUntilTheDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(fiveDollarsYAML + "---" + inviteFriendsYAML)
	plan := w.plan("waits", drift)
	pending := w.awaitReason(plan, metav1.ConditionFalse, v1alpha1.PendingReason)
	if pending.Message != "spec.databaseRef: there is no AttributionDatabase "+w.namespace+"/shop: create it, or correct the name" {
		t.Errorf("message: %s", pending.Message)
	}
	if !meta.IsStatusConditionTrue(plan.Status.Conditions, v1alpha1.ReconcilingCondition) || plan.Status.ObservedGeneration != -1 {
		t.Errorf("an unfinished plan is not Reconciling: %+v", plan.Status)
	}
	own := w.newDatabase()
	proxy := w.behind(own, "shop-db")
	proxy.Swallow()
	w.apply(shopYAML)
	await(w, plan, "waiting for the connection", func(p *v1alpha1.RewardPlan) bool {
		ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ReadyCondition)
		return ready.Reason == v1alpha1.PendingReason && strings.Contains(ready.Message, "is not ready: "+v1alpha1.UnreachableReason)
	})
	w.ahead.Store(int64(24 * time.Hour))
	w.annotate("adb", "shop", v1alpha1.RequestedAtAnnotation, "now")
	w.patch("rpol", "five-dollars", `{"holdPeriod":"1h"}`) // wakes the plan
	if message := w.awaitStalled(plan, v1alpha1.DeadlineExceededReason); !strings.Contains(message,
		"the plan has not finished within 24h0m0s of its creation; its last state: Pending: AttributionDatabase "+w.namespace+"/shop is not ready: Unreachable") {
		t.Errorf("message: %s", message)
	}
}

func TestNamespaceHasAtMostTwentyUnfinishedPlans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(fiveDollarsYAML + "---" + inviteFriendsYAML) // without a database every plan waits
	const plans = 100
	for n := range plans {
		w.create(fmt.Sprintf("plan-%d", n))
	}
	pending, refused := w.awaitReasons(plans)
	if len(pending) != 20 || len(refused) != plans-20 {
		t.Fatalf("%d are admitted and %d refused", len(pending), len(refused))
	}
	if message := w.awaitStalled(w.rplan(refused[0]), v1alpha1.TooManyPlansReason); !strings.Contains(message,
		"namespace "+w.namespace+" has 20 plans that have not finished") {
		t.Errorf("message: %s", message)
	}

	// Another leader keeps those that were admitted, and admits no more.
	w.stop()
	w.create("one-more")
	w.startManager()
	w.awaitStalled(w.rplan("one-more"), v1alpha1.TooManyPlansReason)
	if again, _ := w.awaitReasons(plans + 1); len(again) != 20 {
		t.Errorf("%d are admitted by another leader", len(again))
	}
	w.kubectl("", "delete", "rplan", pending[0])
	w.create("fits")
	w.awaitReason(w.rplan("fits"), metav1.ConditionFalse, v1alpha1.PendingReason)
}

// create creates a plan without an edit.
func (w *world) create(name string) {
	w.Helper()
	plan := w.rplan(name)
	plan.Spec.CampaignRef.Name = "invite-friends"
	check(w, w.client.Create(w.Context(), plan))
}

// awaitReasons waits until all plans have a condition, and returns their names by reason.
func (w *world) awaitReasons(count int) (pending, refused []string) {
	w.Helper()
	w.eventually("reconciled", func() bool {
		pending, refused = nil, nil
		var list v1alpha1.RewardPlanList
		check(w, w.client.List(w.Context(), &list, client.InNamespace(w.namespace)))
		for _, plan := range list.Items {
			if ready := meta.FindStatusCondition(plan.Status.Conditions, v1alpha1.ReadyCondition); ready != nil {
				if ready.Reason == v1alpha1.TooManyPlansReason {
					refused = append(refused, plan.Name)
				} else {
					pending = append(pending, plan.Name)
				}
			}
		}
		return len(pending)+len(refused) == count
	})
	return pending, refused
}

func TestFinishedPlanIsDeletedAfterItsTTL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	brief := w.plan("brief", `{campaignRef: {name: nothing}, ttl: 1s}`)
	long := w.plan("long", `{campaignRef: {name: nothing}, ttl: 24h}`)
	w.awaitStalled(long, v1alpha1.CampaignNotFoundReason)
	w.awaitGone(brief)

	// So does another leader.
	w.stop()
	w.ahead.Store(int64(24*time.Hour + time.Minute))
	w.startManager()
	w.awaitGone(long)
}
