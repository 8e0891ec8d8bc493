package controllers_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// stopEngine locks all shards until the returned function is called, so that no batch runs.
func (w *world) stopEngine(own *testworld.Database) (resume func()) {
	w.Helper()
	return w.lock(own, "SELECT FROM referral.shard FOR UPDATE")
}

// lock runs a statement, whose locks are kept until the returned function is called.
func (w *world) lock(own *testworld.Database, statement string) (release func()) {
	w.Helper()
	connection, err := pgx.Connect(w.Context(), own.AdminURI)
	check(w, err)
	w.Cleanup(func() { _ = connection.Close(context.Background()) })
	_, err = connection.Exec(w.Context(), "BEGIN; "+statement, pgx.QueryExecModeSimpleProtocol)
	check(w, err)
	return func() { check(w, connection.Close(w.Context())) }
}

// holding is a policy with that reward and a hold, whose next edit has that scope.
func holding(amount, scope string) string {
	return strings.NewReplacer("5.00", amount, "spec:", "spec:\n  holdPeriod: 1h\n  revisionScope: "+scope).Replace(fiveDollarsYAML)
}

// newHold is a shop in which bob's purchase is held under five dollars.
func newHold(t *testing.T) (*world, *testworld.Database) {
	t.Helper()
	w, own := newShop(t)
	w.apply(holding("5.00", "NewPairs"))
	await(w, w.rcamp("invite-friends"), "under terms with a hold", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Policy.Revision == 2 })
	w.friends(own, "bob")
	await(w, w.rcamp("invite-friends"), "held", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Held == 1 })
	return w, own
}

func TestEditIsInForceOnceHeldPairsAreDecidedAgain(t *testing.T) {
	t.Parallel()
	w, own := newHold(t)
	campaign, policy := w.rcamp("invite-friends"), w.rpol("five-dollars")
	resume := w.stopEngine(own)
	seen := w.record(campaign)
	w.apply(holding("7.00", "HeldPairs"))
	rolling := w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.RollingOutReason)
	if !strings.Contains(rolling.Message, "revision 3 reaches existing pairs: 0 of 1 have been decided again") {
		t.Errorf("message: %s", rolling.Message)
	}
	if !meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.ReconcilingCondition) {
		t.Errorf("not Reconciling: %v", campaign.Status.Conditions)
	}
	if diff := cmp.Diff(&v1alpha1.Rollout{Revision: 3, Total: 1}, campaign.Status.Rollout); diff != "" {
		t.Error(diff)
	}
	behind := w.awaitReason(policy, metav1.ConditionFalse, v1alpha1.RollingOutReason)
	if !strings.Contains(behind.Message, "invite-friends") {
		t.Errorf("message: %s", behind.Message)
	}

	for _, state := range seen() {
		if state.Status.Policy.Revision == 3 && meta.IsStatusConditionTrue(state.Status.Conditions, v1alpha1.ReadyCondition) {
			t.Errorf("Ready under the new terms before bob was decided again: %+v", state.Status)
		}
	}

	resume()
	w.awaitReady(campaign)
	if diff := cmp.Diff(&v1alpha1.Rollout{Revision: 3, Decided: 1, Total: 1}, campaign.Status.Rollout); diff != "" {
		t.Error(diff)
	}
	await(w, campaign, "held under the new terms", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credits[0].Held == "7.00" })
	w.awaitReady(policy)
	if ready := meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ReadyCondition); !strings.Contains(ready.Message,
		"revisionScope is HeldPairs: the next edit also reaches existing pairs") {
		t.Errorf("message: %s", ready.Message)
	}
}

// record keeps every state that a campaign has from now on, until the returned function is called.
func (w *world) record(campaign *v1alpha1.ReferralCampaign) (states func() []*v1alpha1.ReferralCampaign) {
	w.Helper()
	watching, err := client.NewWithWatch(w.cluster.Config(), client.Options{Scheme: scheme})
	check(w, err)
	changes, err := watching.Watch(w.Context(), &v1alpha1.ReferralCampaignList{},
		client.InNamespace(campaign.Namespace), client.MatchingFields{"metadata.name": campaign.Name})
	check(w, err)
	recorded := make(chan []*v1alpha1.ReferralCampaign, 1)
	go func() {
		var all []*v1alpha1.ReferralCampaign
		for change := range changes.ResultChan() {
			if state, ok := change.Object.(*v1alpha1.ReferralCampaign); ok {
				all = append(all, state)
			}
		}
		recorded <- all
	}()
	return func() []*v1alpha1.ReferralCampaign {
		changes.Stop()
		return <-recorded
	}
}

func TestScopeChangeIsNoEditAndAppliesToTheNextEdit(t *testing.T) {
	t.Parallel()
	w, _ := newHold(t)
	campaign, policy := w.rcamp("invite-friends"), w.rpol("five-dollars")
	w.apply(holding("5.00", "AllPairs"))
	await(w, policy, "warning of the next edit", func(p *v1alpha1.RewardPolicy) bool {
		ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ReadyCondition)
		return ready.Status == metav1.ConditionTrue && strings.Contains(ready.Message, "revisionScope is AllPairs")
	})
	w.awaitReady(campaign)
	if diff := cmp.Diff(&v1alpha1.Rollout{Revision: 2}, campaign.Status.Rollout); diff != "" || campaign.Status.Policy.Revision != 2 {
		t.Errorf("revision %d, rollout %s", campaign.Status.Policy.Revision, diff)
	}
	w.apply(holding("5.00", "NewPairs"))
	await(w, policy, "warning no longer", func(p *v1alpha1.RewardPolicy) bool {
		ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ReadyCondition)
		return ready.Status == metav1.ConditionTrue && !strings.Contains(ready.Message, "revisionScope")
	})
}

func TestLastOfTwoQuickEditsIsInForce(t *testing.T) {
	t.Parallel()
	w, own := newHold(t)
	campaign := w.rcamp("invite-friends")
	resume := w.stopEngine(own)
	w.apply(holding("7.00", "HeldPairs"))
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.RollingOutReason)
	w.apply(holding("9.00", "HeldPairs"))
	await(w, campaign, "at the second edit", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Rollout.Revision == 4 })
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.RollingOutReason)
	resume()
	w.awaitReady(campaign)
	await(w, campaign, "under the last terms", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credits[0].Held == "9.00" })
}

func TestChangeOfPolicyIsAnEditUnderTheNewScope(t *testing.T) {
	t.Parallel()
	w, own := newHold(t)
	campaign := w.rcamp("invite-friends")
	w.apply(strings.Replace(holding("8.00", "AllPairs"), "name: five-dollars", "name: eight-dollars", 1))
	resume := w.stopEngine(own)
	w.patch("rcamp", "invite-friends", `{"policyRef":{"name":"eight-dollars"}}`)
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.RollingOutReason)
	resume()
	w.awaitReady(campaign)
	await(w, campaign, "under the other policy", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credits[0].Held == "8.00" })
	if in := campaign.Status.Policy; in.Name != "eight-dollars" || in.Revision != 3 {
		t.Errorf("policy: %+v", in)
	}
	w.awaitReady(w.rpol("five-dollars"))
	w.awaitReady(w.rpol("eight-dollars"))
}

func TestSuspendedCampaignDoesNotWaitForARollout(t *testing.T) {
	t.Parallel()
	w, own := newHold(t)
	campaign := w.rcamp("invite-friends")
	w.patch("rcamp", "invite-friends", `{"suspend":true}`)
	w.awaitReason(campaign, metav1.ConditionTrue, v1alpha1.SuspendedReason)
	w.apply(holding("7.00", "AllPairs"))
	await(w, campaign, "under the new terms", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Policy.Revision == 3 })
	w.awaitReady(w.rpol("five-dollars"))
	w.awaitReason(campaign, metav1.ConditionTrue, v1alpha1.SuspendedReason)
	if sum := value[int](w, own, "SELECT sum(amount)::int FROM referral.credit"); sum != 500 {
		t.Errorf("while suspended it was changed to %d", sum)
	}
	w.patch("rcamp", "invite-friends", `{"suspend":false}`)
	await(w, campaign, "decided again", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credits[0].Held == "7.00" })
	w.awaitReady(campaign)
}

func TestPolicyIsReadyWhenEveryCampaignFollowsIt(t *testing.T) {
	t.Parallel()
	w, own := newHold(t)
	other := w.newDatabase()
	w.secret("other-db", map[string]string{"uri": other.URI})
	in := strings.NewReplacer("name: shop}", "name: other}", "shop-db", "other-db", "invite-friends", "share-items")
	w.apply(in.Replace(shopYAML) + "---" + in.Replace(inviteFriendsYAML))
	w.awaitReady(w.rcamp("share-items"))
	policy := w.rpol("five-dollars")
	w.awaitReady(policy)

	resume := w.stopEngine(own)
	w.apply(holding("7.00", "AllPairs"))
	w.awaitReason(w.rcamp("invite-friends"), metav1.ConditionFalse, v1alpha1.RollingOutReason)
	await(w, w.rcamp("share-items"), "in force where nothing is to be decided again", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Policy.Revision == 2 && meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ReadyCondition)
	})
	await(w, policy, "naming the one that is behind", func(p *v1alpha1.RewardPolicy) bool {
		ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ReadyCondition)
		return ready.Reason == v1alpha1.RollingOutReason && strings.HasSuffix(ready.Message, "1 of 2 campaigns: invite-friends")
	})
	resume()
	w.awaitReady(policy)
}
