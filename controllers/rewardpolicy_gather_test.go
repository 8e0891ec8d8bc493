package controllers_test

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// A policy reports on campaigns that come into force one after the other at most twice a second,
// however many they are.
func TestPolicyGathersTheChangesOfItsCampaigns(t *testing.T) {
	t.Parallel()
	const campaigns, atMostEvery = 60, 500 * time.Millisecond
	w, _ := newShop(t)
	watcher, err := client.NewWithWatch(w.cluster.Config(), client.Options{Scheme: scheme})
	check(t, err)
	policy := w.rpol("five-dollars")
	check(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(policy), policy))
	began := time.Now()
	events, err := watcher.Watch(t.Context(), &v1alpha1.RewardPolicyList{}, client.InNamespace(w.namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: policy.ResourceVersion}})
	check(t, err)
	defer events.Stop()

	for n := range campaigns {
		campaign := w.rcamp(fmt.Sprintf("another-%d", n))
		campaign.Spec = v1alpha1.ReferralCampaignSpec{
			DatabaseRef: v1alpha1.ObjectReference{Name: "shop"}, PolicyRef: v1alpha1.ObjectReference{Name: policy.Name},
		}
		check(t, w.client.Create(t.Context(), campaign))
	}
	writes := 0
	timeout := time.After(patience)
	for reported := int64(0); reported < campaigns+1; {
		select {
		case <-timeout:
			t.Fatalf("the policy reports %d campaigns", reported)
		case event := <-events.ResultChan():
			if is, ok := event.Object.(*v1alpha1.RewardPolicy); ok && event.Type == watch.Modified {
				writes++
				if meta.IsStatusConditionTrue(is.Status.Conditions, v1alpha1.ReadyCondition) {
					reported = is.Status.Campaigns
				}
			}
		}
	}
	if most := int(time.Since(began)/atMostEvery) + 2; writes > most {
		t.Errorf("the policy was written %d times, at most %d expected", writes, most)
	}
}

// A campaign that is being deleted declares nothing any more, however long other controllers keep
// it.
func TestPolicyWaitsForNoCampaignThatIsBeingDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(fiveDollarsYAML + "---" + inviteFriendsYAML) // without a database
	policy, campaign := w.rpol("five-dollars"), w.rcamp("invite-friends")
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.DatabaseNotReadyReason)
	w.awaitReason(policy, metav1.ConditionFalse, v1alpha1.RollingOutReason)
	w.awaitQuiet(campaign, policy)
	w.deleteHeld()
	w.awaitReady(policy)
	w.letGoOfHeld()
}
