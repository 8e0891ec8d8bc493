package controllers

import (
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func TestPolicyIsInForceWhereItsCampaignsFollowItsGeneration(t *testing.T) {
	for name, test := range map[string]struct {
		in   *v1alpha1.PolicyInForce
		want bool
	}{
		"this generation": {in: &v1alpha1.PolicyInForce{UID: "uid", Generation: 3, Digest: "sha256:a"}, want: true},
		"none":            {},
		"other terms":     {in: &v1alpha1.PolicyInForce{UID: "uid", Generation: 3, Digest: "sha256:b"}},
		"other limits, or these terms before other ones": {in: &v1alpha1.PolicyInForce{UID: "uid", Generation: 2, Digest: "sha256:a"}},
		"a later generation, before a restore":           {in: &v1alpha1.PolicyInForce{UID: "uid", Generation: 4, Digest: "sha256:a"}},
		"another policy of the name":                     {in: &v1alpha1.PolicyInForce{UID: "gone", Generation: 3, Digest: "sha256:a"}},
		"reported by a version that says no generation":  {in: &v1alpha1.PolicyInForce{Digest: "sha256:a"}},
	} {
		t.Run(name, func(t *testing.T) {
			policy := &v1alpha1.RewardPolicy{ObjectMeta: metav1.ObjectMeta{Name: "five-dollars", UID: "uid", Generation: 3}}
			policy.Status.Digest = "sha256:a"
			campaign := v1alpha1.ReferralCampaign{ObjectMeta: metav1.ObjectMeta{Name: "invite-friends"}}
			campaign.Status.Policy = test.in
			err := (&RewardPolicyReconciler{}).awaitCampaigns(t.Context(), &policyScope{policy: policy, campaigns: []v1alpha1.ReferralCampaign{campaign}})
			wait, behind := errors.AsType[*waitingError](err)
			switch {
			case behind == test.want:
				t.Errorf("%v", err)
			case behind && (wait.reason != v1alpha1.RollingOutReason || !strings.Contains(wait.Error(), "1 of 1 campaigns: invite-friends")):
				t.Errorf("%s: %v", wait.reason, wait)
			}
		})
	}
}
