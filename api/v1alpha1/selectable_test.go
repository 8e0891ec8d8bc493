package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestCampaignsAreSelectedByTheFieldsOfTheirSpec(t *testing.T) {
	controlPlane := testworld.Cluster(t)
	namespace := testworld.NewNamespace(t, controlPlane)
	kubectl := func(input string, arguments ...string) (string, error) {
		return controlPlane.Kubectl(t.Context(), input, append([]string{"--namespace", namespace}, arguments...)...)
	}
	for _, campaign := range []struct{ name, database, policy, more string }{
		{"running", "shop", "five-dollars", ""},
		{"resumed", "shop", "five-dollars", "suspend: false"},
		{"stopped", "shop", "percent", "suspend: true"},
		{"elsewhere", "shop-eu", "percent", ""},
	} {
		manifest := fmt.Sprintf("apiVersion: referral-operator.io/v1alpha1\nkind: ReferralCampaign\nmetadata: {name: %s}\n"+
			"spec:\n  databaseRef: {name: %s}\n  policyRef: {name: %s}\n  %s\n", campaign.name, campaign.database, campaign.policy, campaign.more)
		if output, err := kubectl(manifest, "create", "-f", "-"); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
	}
	cases := []struct{ rule, selector, names string }{
		{"by database", "spec.databaseRef.name=shop", "resumed running stopped"},
		{"by policy", "spec.policyRef.name=percent", "elsewhere stopped"},
		{"by both", "spec.databaseRef.name=shop,spec.policyRef.name=percent", "stopped"},
		{"by a name that no campaign refers to", "spec.policyRef.name=none", ""},
		{"suspended", "spec.suspend=true", "stopped"},
		{"not suspended, whether the field is set or not", "spec.suspend!=true", "elsewhere resumed running"},
		// The API server compares texts, and that of an unset field is empty.
		{"suspend set to false", "spec.suspend=false", "resumed"},
		{"suspend not set", "spec.suspend=", "elsewhere running"},
	}
	for _, tc := range cases {
		t.Run(tc.rule, func(t *testing.T) {
			output, err := kubectl("", "get", "rcamp", "--field-selector", tc.selector, "--output=jsonpath={.items[*].metadata.name}")
			if err != nil || strings.TrimSpace(output) != tc.names {
				t.Errorf("found %q, error %v; want %q", output, err, tc.names)
			}
		})
	}
	t.Run("by another field", func(t *testing.T) {
		output, err := kubectl("", "get", "rcamp", "--field-selector", "spec.destination=x")
		if err == nil || !strings.Contains(output, "field label not supported") {
			t.Errorf("got %v, %s", err, output)
		}
	})
}
