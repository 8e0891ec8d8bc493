package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// newShop is a world with a database in which everything of allYAML is Ready.
func newShop(t testing.TB) (*world, *testworld.Database) {
	t.Helper()
	w := newWorld(t)
	own := w.newDatabase()
	w.secret("shop-db", map[string]string{"uri": own.URI})
	w.apply(allYAML)
	w.awaitReady(w.adb("shop"))
	w.awaitReady(w.rcamp("invite-friends"))
	w.awaitReady(w.rpol("five-dollars"))
	return w, own
}

func TestFromYAMLToCredits(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)

	campaign := await(w, w.rcamp("invite-friends"), "counted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs != nil })
	campaign.Status.Conditions = nil
	policy := w.rpol("five-dollars")
	check(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(policy), policy))
	want := v1alpha1.ReferralCampaignStatus{
		ObservedGeneration: 1,
		Policy: &v1alpha1.PolicyInForce{
			Name: "five-dollars", UID: policy.UID, Generation: 1, Revision: 1, Digest: policy.Status.Digest,
		},
		Pairs:   &v1alpha1.PairCounts{},
		Credit:  "0.00 USD",
		Credits: []v1alpha1.CurrencyCredit{{Currency: "USD", Granted: "0.00", Held: "0.00", Reversed: "0.00"}},
		Rollout: &v1alpha1.Rollout{Revision: 1},
	}
	if diff := cmp.Diff(want, campaign.Status); diff != "" {
		t.Errorf("before anything happened: %s", diff)
	}

	w.shop(own, oneFriend)
	campaign = await(w, campaign, "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
	if campaign.Status.LastSyncTime == nil {
		t.Error("lastSyncTime is not set")
	}
	want.Pairs = &v1alpha1.PairCounts{Granted: 1}
	want.Credit, want.Credits[0].Granted = "5.00 USD", "5.00"
	campaign.Status.Conditions, campaign.Status.LastSyncTime = nil, nil
	if diff := cmp.Diff(want, campaign.Status); diff != "" {
		t.Errorf("after bob bought: %s", diff)
	}

	w.shop(own, "INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('bob', 'order-1', 'r', 2500)")
	await(w, campaign, "reversed", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Pairs.Reversed == 1 && c.Status.Credit == "0.00 USD" && c.Status.Credits[0].Reversed == "5.00"
	})
	for _, object := range []conditioned{w.adb("shop"), w.rpol("five-dollars"), campaign} {
		w.awaitReady(object)
		conditions := besideVerified(object)
		if len(conditions) != 1 || object.GetObservedGeneration() != 1 {
			t.Errorf("%s: conditions %v, observed generation %d", object.GetName(), conditions, object.GetObservedGeneration())
		}
	}
	if meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.ReconcilingCondition) {
		t.Error("Reconciling although nothing declared is on its way")
	}
}

func TestCampaignWithoutPolicyAdmitsNoNewPairs(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	campaign := w.rcamp("invite-friends")
	check(t, w.client.Delete(t.Context(), w.rpol("five-dollars")))
	missing := w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.PolicyNotFoundReason)
	if !strings.Contains(missing.Message, "there is no RewardPolicy "+w.namespace+"/five-dollars") {
		t.Errorf("message: %s", missing.Message)
	}
	if mode := value[string](w, own, "SELECT mode FROM referral.campaign"); mode != "PolicyMissing" {
		t.Errorf("mode: %s", mode)
	}
	w.shop(own, oneFriend)
	w.apply(fiveDollarsYAML)
	w.awaitReady(campaign)
	await(w, campaign, "granted later", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
	if campaign.Status.Policy.Revision != 1 {
		t.Errorf("the same policy is revision %d", campaign.Status.Policy.Revision)
	}
}

func TestCampaignWaitsForItsPolicyAndDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	campaign := w.rcamp("invite-friends")
	w.apply(inviteFriendsYAML)
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.DatabaseNotReadyReason)
	w.apply(shopYAML)
	await(w, campaign, "naming what the database says", func(c *v1alpha1.ReferralCampaign) bool {
		ready := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ReadyCondition)
		return strings.Contains(ready.Message, v1alpha1.SecretNotFoundReason)
	})
	if campaign.Status.ObservedGeneration != -1 || !meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.ReconcilingCondition) {
		t.Errorf("observed generation %d, conditions %v", campaign.Status.ObservedGeneration, campaign.Status.Conditions)
	}
	w.secret("shop-db", map[string]string{"uri": w.newDatabase().URI})
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.PolicyNotFoundReason)
	w.apply(fiveDollarsYAML)
	w.awaitReady(campaign)
}

const yenYAML = `
apiVersion: referral-operator.io/v1alpha1
kind: RewardPolicy
metadata: {name: five-dollars}
spec:
  rewards:
  - {name: inviter, beneficiary: Referrer, fixed: {amount: "5.00", currency: JPY}}
`

func TestInvalidPolicyLeavesTheTermsInForce(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	campaign, policy := w.rcamp("invite-friends"), w.rpol("five-dollars")
	w.apply(yenYAML)
	for object, reason := range map[conditioned]string{
		policy: v1alpha1.InvalidSpecReason, campaign: v1alpha1.PolicyInvalidReason,
	} {
		invalid := w.awaitReason(object, metav1.ConditionFalse, reason)
		if !strings.Contains(invalid.Message, "spec.rewards[inviter].fixed.amount") {
			t.Errorf("message: %s", invalid.Message)
		}
	}
	if !meta.IsStatusConditionTrue(policy.Status.Conditions, v1alpha1.StalledCondition) {
		t.Error("the policy is not Stalled")
	}
	w.shop(own, oneFriend)
	await(w, campaign, "granted under the old terms", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credit == "5.00 USD" })

	// What the campaign itself says goes on being declared.
	w.patch("rcamp", "invite-friends", `{"suspend":true}`)
	w.awaitReason(campaign, metav1.ConditionTrue, v1alpha1.SuspendedReason)
	if mode := value[string](w, own, "SELECT mode FROM referral.campaign"); mode != "Suspended" {
		t.Errorf("mode: %s", mode)
	}
	w.apply(fiveDollarsYAML)
	w.awaitReady(policy)
}

func TestTermsStayInForceOnceNoMoreRevisionsAreRecorded(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	campaign := w.rcamp("invite-friends")
	w.sql(own, `INSERT INTO referral.revision (campaign, revision, digest, terms, scope)
	            SELECT 'gone', n, '', '{}', 'NewPairs' FROM generate_series(1, 10000) AS n`)
	w.apply(strings.ReplaceAll(fiveDollarsYAML, `"5.00"`, `"7.00"`))
	full := w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.TooManyRevisionsReason)
	if !strings.Contains(full.Message, "take nearly 8 MiB of memory, so no other terms are recorded") ||
		!meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.StalledCondition) {
		t.Errorf("conditions: %v", campaign.Status.Conditions)
	}
	w.patch("rcamp", "invite-friends", `{"budget": {"amount": "10.00", "currency": "EUR"}}`)
	await(w, campaign, "the edit", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.ObservedGeneration == c.Generation })
	for _, credit := range campaign.Status.Credits {
		if credit.BudgetRemaining != "" {
			t.Errorf("%s %s remain of a budget that is not in force", credit.BudgetRemaining, credit.Currency)
		}
	}
	w.patch("rcamp", "invite-friends", `{"budget": null}`)
	w.sql(own, "DELETE FROM referral.revision WHERE campaign = 'gone'")
	w.apply(strings.ReplaceAll(fiveDollarsYAML, `"5.00"`, `"8.00"`))
	await(w, campaign, "the new terms", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Policy != nil && c.Status.Policy.Generation == 3 && meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ReadyCondition)
	})
}

func TestPolicyEditAddsARevision(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.shop(own, oneFriend)
	campaign, policy := w.rcamp("invite-friends"), w.rpol("five-dollars")
	await(w, campaign, "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
	w.apply(strings.Replace(fiveDollarsYAML, "5.00", "7.00", 1))
	await(w, campaign, "under the new terms", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Policy.Revision == 2 })
	w.awaitReady(policy)
	if policy.Status.Digest != campaign.Status.Policy.Digest || policy.Status.Campaigns != 1 {
		t.Errorf("policy: %+v, campaign: %+v", policy.Status, campaign.Status.Policy)
	}
	w.shop(own, `
		INSERT INTO referral.signup (user_id, code) VALUES ('carol', 'alice-1');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carol', 'order-2', 2500, 'USD')`)
	await(w, campaign, "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credit == "12.00 USD" })
}

func TestDeletingAndApplyingAgainChangesNoCredit(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.shop(own, oneFriend)
	campaign := w.rcamp("invite-friends")
	await(w, campaign, "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
	const (
		ledger    = "SELECT string_agg(l::text, ';' ORDER BY entry_id) FROM referral.ledger AS l"
		revisions = "SELECT string_agg(r::text, ';' ORDER BY campaign, revision) FROM referral.revision AS r"
	)
	before := value[string](w, own, ledger) + value[string](w, own, revisions)

	w.kubectl(allYAML, "delete", "-f", "-") // waits until all are gone
	if mode := value[string](w, own, "SELECT mode FROM referral.campaign"); mode != "Closed" {
		t.Errorf("deleted, the campaign is %s", mode)
	}
	w.apply(allYAML)
	w.awaitReady(campaign)
	await(w, campaign, "counted again", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Pairs != nil && c.Status.Pairs.Granted == 1 && c.Status.Credit == "5.00 USD"
	})
	if diff := cmp.Diff(before, value[string](w, own, ledger)+value[string](w, own, revisions)); diff != "" {
		t.Error(diff)
	}
	// And it goes on where it stopped.
	w.shop(own, `
		INSERT INTO referral.signup (user_id, code) VALUES ('carol', 'alice-1');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carol', 'order-2', 2500, 'USD')`)
	await(w, campaign, "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 2 })
}

func TestCampaignMovedToAnotherDatabaseIsClosedInTheFirst(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	other := w.newDatabase()
	w.secret("other-db", map[string]string{"uri": other.URI})
	w.apply(strings.NewReplacer("name: shop}", "name: other}", "shop-db", "other-db").Replace(shopYAML))
	w.awaitReady(w.adb("other"))
	// At once, as kubectl replace --force does: a reconcile may see the new object alone.
	moved := w.rcamp("invite-friends")
	check(w, w.client.Get(t.Context(), client.ObjectKeyFromObject(moved), moved))
	check(w, w.client.Delete(t.Context(), moved))
	moved = &v1alpha1.ReferralCampaign{ObjectMeta: metav1.ObjectMeta{Namespace: moved.Namespace, Name: moved.Name}, Spec: moved.Spec}
	moved.Spec.DatabaseRef.Name = "other"
	check(w, w.client.Create(t.Context(), moved))
	w.awaitReady(w.rcamp("invite-friends"))
	w.eventually("closed in the first", func() bool {
		return value[string](w, own, "SELECT mode FROM referral.campaign") == "Closed"
	})
	if mode := value[string](w, other, "SELECT mode FROM referral.campaign"); mode != "Open" {
		t.Errorf("in the second it is %s", mode)
	}
}

// Once a status says Suspended there is no ledger entry after it, whatever was under way.
func TestSuspendedCampaignAppendsNoLedgerEntry(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.shop(own, "INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('alice-1', 'invite-friends', 'alice')")
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	defer writers.Wait()
	defer cancel()
	pool := w.pool(own.WriterURI)
	for writer := range 2 {
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				user := fmt.Sprintf("user-%d-%d", writer, n)
				_, _ = pool.Exec(ctx, "INSERT INTO referral.signup (user_id, code) VALUES ($1, 'alice-1')", user)
				_, _ = pool.Exec(ctx, `INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
					VALUES ($1, 'order', 2500, 'USD')`, user)
			}
		})
	}
	const entries = "SELECT count(*)::int FROM referral.ledger"
	campaign := w.rcamp("invite-friends")
	for range 3 {
		granted := value[int](w, own, entries)
		w.eventually("granting", func() bool { return value[int](w, own, entries) > granted+5 })
		w.patch("rcamp", "invite-friends", `{"suspend":true}`)
		w.awaitReason(campaign, metav1.ConditionTrue, v1alpha1.SuspendedReason)
		acknowledged := value[int](w, own, entries)
		w.eventually("piling up", func() bool {
			return value[int](w, own, "SELECT count(*)::int FROM referral.deferred") > 5
		})
		if after := value[int](w, own, entries); after != acknowledged {
			t.Fatalf("%d ledger entries when it was acknowledged, %d later", acknowledged, after)
		}
		w.patch("rcamp", "invite-friends", `{"suspend":false}`)
		w.awaitReady(campaign)
	}
}
