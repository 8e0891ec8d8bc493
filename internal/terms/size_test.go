package terms_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// An engine loads no terms that are larger than the limits of package reward.
func TestSchemaAndRecordedTermsHaveTheSameLimits(t *testing.T) {
	manifest, err := os.ReadFile("../../config/crd/bases/referral-operator.io_rewardpolicies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(manifest, &crd); err != nil {
		t.Fatal(err)
	}
	spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties
	qualification, rewards := spec["qualification"].Properties, spec["rewards"]
	fields := rewards.Items.Schema.Properties
	schema := map[string]*int64{
		"rewards":                  rewards.MaxItems,
		"tiers":                    fields["tiers"].MaxItems,
		"minimum amounts":          qualification["minimumAmounts"].MaxItems,
		"maximum amounts":          fields["percentage"].Properties["maximumAmounts"].MaxItems,
		"characters of names":      fields["name"].MaxLength,
		"characters of conditions": qualification["condition"].MaxLength,
	}
	most := func(n int64) *int64 { return &n }
	want := map[string]*int64{
		"rewards":                  most(reward.MostRewards),
		"tiers":                    most(reward.MostTiers),
		"minimum amounts":          most(reward.MostAmounts),
		"maximum amounts":          most(reward.MostAmounts),
		"characters of names":      most(reward.MostNameLength),
		"characters of conditions": most(reward.MostConditionLength),
	}
	if diff := cmp.Diff(want, schema); diff != "" {
		t.Errorf("(-package reward +schema):\n%s", diff)
	}
}
