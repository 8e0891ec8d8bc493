package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// These tests use the kinds as a person does, through kubectl with its defaults.

const misspelled = `
apiVersion: referral-operator.io/v1alpha1
kind: ReferralCampaign
metadata: {name: misspelled}
spec:
  databaseRef: {name: shop}
  policyRef: {name: five-dollars}
  atributionWindow: 24h
`

func TestKubectlRefusesUnknownFieldsByDefault(t *testing.T) {
	controlPlane := testworld.Cluster(t)
	namespace := testworld.NewNamespace(t, controlPlane)
	for _, how := range [][]string{{"apply"}, {"apply", "--server-side"}, {"create"}} {
		output, err := controlPlane.Kubectl(t.Context(), misspelled, append(how, "--namespace", namespace, "-f", "-")...)
		if err == nil {
			t.Errorf("kubectl %s accepted an unknown field:\n%s", strings.Join(how, " "), output)
		}
		if !strings.Contains(output, "spec.atributionWindow") && !strings.Contains(output, `"atributionWindow"`) {
			t.Errorf("kubectl %s does not name the field:\n%s", strings.Join(how, " "), output)
		}
	}
}

func TestKubectlWithoutValidationDropsUnknownFields(t *testing.T) {
	controlPlane := testworld.Cluster(t)
	namespace := testworld.NewNamespace(t, controlPlane)
	if output, err := controlPlane.Kubectl(t.Context(), misspelled, "apply", "--validate=ignore", "--namespace", namespace, "-f", "-"); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	output, err := controlPlane.Kubectl(t.Context(), "", "get", "rcamp", "misspelled", "--namespace", namespace, "-o", "jsonpath={.spec}")
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if strings.Contains(output, "atributionWindow") {
		t.Errorf("the unknown field was kept: %s", output)
	}
}

func TestKubectlPrintsTheColumns(t *testing.T) {
	controlPlane := testworld.Cluster(t)
	namespace := testworld.NewNamespace(t, controlPlane)
	spelled := strings.Replace(misspelled, "atributionWindow", "attributionWindow", 1)
	if output, err := controlPlane.Kubectl(t.Context(), spelled, "create", "--namespace", namespace, "-f", "-"); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	const plan = "apiVersion: referral-operator.io/v1alpha1\nkind: RewardPlan\nmetadata: {name: drift}\nspec: {campaignRef: {name: misspelled}}"
	if output, err := controlPlane.Kubectl(t.Context(), plan, "create", "--namespace", namespace, "-f", "-"); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, kind := range []string{"AttributionDatabase", "RewardPolicy"} {
		manifest, err := yaml.Marshal(example(t, kind, "{}").Object)
		if err != nil {
			t.Fatal(err)
		}
		if output, err := controlPlane.Kubectl(t.Context(), string(manifest), "create", "--namespace", namespace, "-f", "-"); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
	}
	cases := []struct{ rule, what, columns string }{
		{"a database", "adb", "NAME READY STATUS PENDING AGE"},
		{"a database, wide", "adb -o wide", "NAME READY STATUS PENDING OLDEST SET ASIDE VERIFIED SERVER AGE"},
		{"a policy", "rpol", "NAME READY STATUS CAMPAIGNS AGE"},
		{"a policy, wide", "rpol -o wide", "NAME READY STATUS CAMPAIGNS SCOPE AGE"},
		{"a campaign", "rcamp", "NAME POLICY READY STATUS GRANTED HELD CREDIT AGE"},
		{"a campaign by its long name", "referralcampaigns", "NAME POLICY READY STATUS GRANTED HELD CREDIT AGE"},
		{"everything of the category, databases first", "referral", "NAME READY STATUS PENDING AGE"},
		{"a plan", "rplan", "NAME CAMPAIGN READY STATUS GRANT REVERSE AGE"},
		{"a campaign, wide", "rcamp -o wide", "NAME POLICY READY STATUS GRANTED HELD CREDIT WAITING REVERSED REVISION LAST SYNC AGE"},
	}
	for _, tc := range cases {
		t.Run(tc.rule, func(t *testing.T) {
			output, err := controlPlane.Kubectl(t.Context(), "", append([]string{"get", "--namespace", namespace}, strings.Fields(tc.what)...)...)
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			header, _, _ := strings.Cut(output, "\n")
			if got := strings.Join(strings.Fields(header), " "); got != tc.columns {
				t.Errorf("columns %q, want %q", got, tc.columns)
			}
		})
	}
}

// Tiers are identified by fromPair, and their order counts: tiers that are applied from git must
// arrive in the order that they have there, whichever tier was added or removed.
func TestKubectlKeepsTheOrderOfTiers(t *testing.T) {
	controlPlane := testworld.Cluster(t)
	namespace := testworld.NewNamespace(t, controlPlane)
	for _, how := range [][]string{{"apply", "--server-side"}, {"apply"}} {
		name := strings.Trim(strings.Join(how, ""), "-")
		for _, tiers := range [][]string{{"1", "10"}, {"1", "5", "10"}, {"1", "5", "7", "10", "20"}, {"1", "2", "7", "30"}, {"1"}, {"1", "10"}} {
			var manifest strings.Builder
			fmt.Fprintf(&manifest, "apiVersion: referral-operator.io/v1alpha1\nkind: RewardPolicy\nmetadata: {name: %s}\n"+
				"spec:\n  rewards:\n  - name: inviter\n    beneficiary: Referrer\n    tiers:\n", name)
			for _, from := range tiers {
				fmt.Fprintf(&manifest, "    - {fromPair: %s, fixed: {amount: '5', currency: USD}}\n", from)
			}
			if output, err := controlPlane.Kubectl(t.Context(), manifest.String(), append(how, "--namespace", namespace, "-f", "-")...); err != nil {
				t.Fatalf("%v, tiers from %v: %v\n%s", how, tiers, err, output)
			}
			kept, err := controlPlane.Kubectl(t.Context(), "", "get", "rpol", name, "--namespace", namespace, "-o", "jsonpath={.spec.rewards[0].tiers[*].fromPair}")
			if err != nil || kept != strings.Join(tiers, " ") {
				t.Errorf("%v: kept %q of %v: %v", how, kept, tiers, err)
			}
		}
	}
}
