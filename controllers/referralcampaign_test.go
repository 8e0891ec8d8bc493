package controllers_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"

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
	w, own := newShop(t)

	campaign := await(w, w.rcamp("invite-friends"), "counted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs != nil })
	campaign.Status.Conditions = nil
	digest := campaign.Status.Policy.Digest
	want := v1alpha1.ReferralCampaignStatus{
		ObservedGeneration: 1,
		Policy:             &v1alpha1.PolicyInForce{Name: "five-dollars", Revision: 1, Digest: digest},
		Pairs:              &v1alpha1.PairCounts{},
		Credit:             "0.00 USD",
		Credits:            []v1alpha1.CurrencyCredit{{Currency: "USD", Granted: "0.00", Held: "0.00", Reversed: "0.00"}},
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
		if conditions := object.GetConditions(); len(conditions) != 1 || object.GetObservedGeneration() != 1 {
			t.Errorf("%s: conditions %v, observed generation %d", object.GetName(), conditions, object.GetObservedGeneration())
		}
	}
	if meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.ReconcilingCondition) {
		t.Error("Reconciling although nothing declared is on its way")
	}
}
