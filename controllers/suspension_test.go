package controllers_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

const suspension = v1alpha1.SuspendAnnotation

// What git applies does not resume what a person has suspended by the annotation.
func TestAnnotationSuspendsUntilItIsRemoved(t *testing.T) {
	t.Parallel()
	for object, says := range map[string]string{
		"rcamp/invite-friends": "nothing is granted or reversed until the annotation " + suspension + " is removed",
		"adb/shop":             "nothing is decided or migrated until the annotation " + suspension + " is removed",
	} {
		t.Run(object, func(t *testing.T) {
			t.Parallel()
			w, own := newShop(t)
			var watched conditioned = w.rcamp("invite-friends")
			if object == "adb/shop" {
				watched = w.adb("shop")
			}
			w.kubectl("", "annotate", object, suspension+"=true")
			if ready := w.awaitReason(watched, metav1.ConditionTrue, v1alpha1.SuspendedReason); ready.Message != says {
				t.Errorf("message: %s", ready.Message)
			}
			for _, declared := range []string{shopYAML, inviteFriendsYAML} {
				w.kubectl(strings.Replace(declared, "spec:", "spec:\n  suspend: false", 1), "apply", "--server-side", "--force-conflicts", "-f", "-")
			}
			w.shop(own, oneFriend)
			w.kubectl("", "annotate", object, v1alpha1.RequestedAtAnnotation+"=1")
			w.awaitReason(watched, metav1.ConditionTrue, v1alpha1.SuspendedReason)
			if entries := value[int](w, own, "SELECT count(*)::int FROM referral.ledger"); entries > 0 {
				t.Errorf("%d ledger entries", entries)
			}
			w.kubectl("", "annotate", object, suspension+"-")
			await(w, w.rcamp("invite-friends"), "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credit == "5.00 USD" })
		})
	}
}

func TestSuspendedMessageNamesAllThatSuspends(t *testing.T) {
	t.Parallel()
	w, _ := newShop(t)
	campaign := w.rcamp("invite-friends")
	w.patch("rcamp", "invite-friends", `{"suspend":true}`)
	w.awaitReason(campaign, metav1.ConditionTrue, v1alpha1.SuspendedReason)
	w.kubectl("", "annotate", "rcamp/invite-friends", suspension+"=")
	await(w, campaign, "suspended twice", func(c *v1alpha1.ReferralCampaign) bool {
		return strings.Contains(c.Status.Conditions[0].Message, "until spec.suspend is false and the annotation "+suspension+" is removed")
	})
	w.kubectl("", "annotate", "rcamp/invite-friends", "--overwrite", suspension+"=false")
	w.patch("rcamp", "invite-friends", `{"suspend":false}`)
	w.awaitReady(campaign)
}
