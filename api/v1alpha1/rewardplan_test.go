package v1alpha1_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// What a plan proposes is validated and defaulted as the real thing. That the API server accepts
// rules this deep, by their estimated cost, shows in every test that creates a plan.
func TestProposedSpecsHaveTheSchemaOfTheRealOnes(t *testing.T) {
	proposed := schemaOf(t, "rewardplans").Properties["proposed"]
	for field, plural := range map[string]string{"policy": "rewardpolicies", "campaign": "referralcampaigns"} {
		original, nested := schemaOf(t, plural), proposed.Properties[field]
		if len(original.Properties) == 0 {
			t.Errorf("the spec of %s has no schema", plural)
		}
		if diff := cmp.Diff(undescribed(original), undescribed(nested)); diff != "" {
			t.Errorf("the schema of spec.proposed.%s differs from that of %s (-real +proposed):\n%s", field, plural, diff)
		}
	}
}

// schemaOf is the schema of a kind's spec.
func schemaOf(t *testing.T, plural string) apiextensionsv1.JSONSchemaProps {
	t.Helper()
	return crdOf(t, plural).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
}

func crdOf(t testing.TB, plural string) apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	manifest, err := os.ReadFile("../../config/crd/bases/referral-operator.io_" + plural + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(manifest, &crd); err != nil {
		t.Fatal(err)
	}
	return crd
}

// undescribed is a schema without descriptions.
func undescribed(schema apiextensionsv1.JSONSchemaProps) apiextensionsv1.JSONSchemaProps {
	schema.Description = ""
	for name, field := range schema.Properties {
		schema.Properties[name] = undescribed(field)
	}
	if schema.Items != nil {
		items := undescribed(*schema.Items.Schema)
		schema.Items.Schema = &items
	}
	return schema
}

func TestRefusedRewardPlans(t *testing.T) {
	const (
		aboutTTLs      = "must be at most 24h, such as 1h or 30m"
		aboutProposals = "must have policy, campaign or both, or delete: true alone; leave proposed out to plan without an edit"
	)
	cases := []refusal{
		{"a campaign is required", `spec: {campaignRef: null}`, "spec.campaignRef", "Required value"},
		{"a campaign needs a name", `spec: {campaignRef: {name: ""}}`, "spec.campaignRef.name", aboutNames},
		{"a campaign of another namespace", `spec: {campaignRef: {namespace: other}}`, "spec.campaignRef.namespace", "unknown field"},
		{"a plan without spec", `spec: null`, "spec", "Required value"},
		{"a proposal of nothing", `spec: {proposed: {policy: null, campaign: null}}`, "spec.proposed", aboutProposals},
		{"no deletion is no proposal", `spec: {proposed: {policy: null, campaign: null, delete: false}}`, "spec.proposed", aboutProposals},
		{"a deletion of an edited campaign", `spec: {proposed: {policy: null, delete: true}}`, "spec.proposed", aboutProposals},
		{"a deletion beside an edited policy", `spec: {proposed: {campaign: null, delete: true}}`, "spec.proposed", aboutProposals},
		{"an unknown detail", `spec: {detail: All}`, "spec.detail", `supported values: "None", "Largest"`},
		{"a ttl above a day", `spec: {ttl: 24h0m1s}`, "spec.ttl", aboutTTLs},
		{"a ttl in days", `spec: {ttl: 1d}`, "spec.ttl", aboutDurations},
		{"a ttl of nothing", `spec: {ttl: 0s}`, "spec.ttl", aboutDurations},
		{"an empty ttl", `spec: {ttl: ""}`, "spec.ttl", aboutDurations},

		// The path is that under proposed, the message that of the real thing.
		{"a proposed policy without rewards", `spec: {proposed: {policy: {rewards: null}}}`, "spec.proposed.policy.rewards", "Required value"},
		{"a proposed amount", `spec: {proposed: {policy: {rewards: [{name: a, beneficiary: Referrer, fixed: {amount: "-7", currency: USD}}]}}}`, "spec.proposed.policy.rewards[0].fixed.amount", aboutAmounts},
		{"a proposed reward of two forms", `spec: {proposed: {policy: {rewards: [{name: a, beneficiary: Referrer, fixed: {amount: "7", currency: USD}, percentage: {rate: "1"}}]}}}`, "spec.proposed.policy.rewards[0]", aboutRewards},
		{"a proposed hold", `spec: {proposed: {policy: {holdPeriod: 14d}}}`, "spec.proposed.policy.holdPeriod", aboutDurations},
		{"a proposed field that does not exist", `spec: {proposed: {policy: {holdperiod: 14h}}}`, "spec.proposed.policy.holdperiod", "unknown field"},
		{"a proposed campaign without a policy", `spec: {proposed: {campaign: {policyRef: null}}}`, "spec.proposed.campaign.policyRef", "Required value"},
		{"a proposed budget", `spec: {proposed: {campaign: {budget: {amount: "0.00"}}}}`, "spec.proposed.campaign.budget.amount", aboutAmounts},
		{"a proposed end before the start", `spec: {proposed: {campaign: {startsAt: "2027-01-02T00:00:00Z", endsAt: "2027-01-01T00:00:00Z"}}}`, "spec.proposed.campaign.endsAt", "endsAt must be after startsAt"},
		{"a proposed resync", `spec: {proposed: {campaign: {resyncInterval: 59s}}}`, "spec.proposed.campaign.resyncInterval", aboutResyncs},
	}
	refused(t, "RewardPlan", cases)
}
