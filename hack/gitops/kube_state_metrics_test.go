package gitops_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-state-metrics/v2/pkg/customresourcestate"
	"k8s.io/kube-state-metrics/v2/pkg/metric"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

const customResourceState = root + "/config/kube-state-metrics/custom-resource-state.yaml"

// families are the metrics of one kind.
type families struct {
	resource customresourcestate.Resource
	series   func(recording) map[string][]string // by name of the metric, as kube-state-metrics shows them
}

// customResourceStates reads the configuration as kube-state-metrics does, by kind.
func customResourceStates(t *testing.T) map[string]families {
	t.Helper()
	var config struct {
		Kind                        string `json:"kind"`
		customresourcestate.Metrics `json:",inline"`
	}
	readYAML(t, customResourceState, &config)
	found := map[string]families{}
	for _, resource := range config.Spec.Resources {
		for i := range resource.Metrics { // as kube-state-metrics does after decoding
			each := &resource.Metrics[i].Each
			each.Type = metric.Type(strings.ToLower(string(each.Type)))
		}
		if group := resource.GroupVersionKind.Group + "/" + resource.GroupVersionKind.Version; group != v1alpha1.GroupVersion.String() {
			t.Errorf("%s is no kind of ours", resource.GroupVersionKind)
		}
		factory, err := customresourcestate.NewCustomResourceMetrics(resource)
		if err != nil {
			t.Fatal(err)
		}
		found[resource.GroupVersionKind.Kind] = families{resource, func(recorded recording) map[string][]string {
			series := map[string][]string{}
			for _, family := range factory.MetricFamilyGenerators() {
				series[family.Name] = nil
				for _, one := range family.Generate(recorded.Unstructured).Metrics {
					series[family.Name] = append(series[family.Name], text(one))
				}
			}
			return series
		}}
	}
	return found
}

// text is a series without its name and the labels that all of a kind have.
func text(one *metric.Metric) string {
	var labels []string
	for i, key := range one.LabelKeys {
		if !strings.HasPrefix(key, "customresource_") && key != "namespace" && key != "name" {
			labels = append(labels, fmt.Sprintf("%s=%q", key, one.LabelValues[i]))
		}
	}
	return fmt.Sprintf("{%s} %.15g", strings.Join(labels, ","), one.Value)
}

func TestKubeStateMetricsShowsAllKindsButReviews(t *testing.T) {
	states := customResourceStates(t)
	var shown []string
	for kind := range states {
		shown = append(shown, kind)
	}
	slices.Sort(shown)
	if diff := cmp.Diff(kinds, shown); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

// unset are the metrics whose field no recording has, with the reason.
var unset = map[string]string{
	"kube_rewardpolicy_deletion_timestamp": "nothing delays the deletion of a policy",
	"kube_rewardplan_deletion_timestamp":   "nothing delays the deletion of a plan",
}

func TestEveryPathOfKubeStateMetricsResolves(t *testing.T) {
	for kind, families := range customResourceStates(t) {
		resolved := map[string]bool{}
		for _, recorded := range recordings(t, kind) {
			for name, series := range families.series(recorded) {
				resolved[name] = resolved[name] || len(series) > 0
				if one := twice(series); one != "" {
					t.Errorf("%s of %s %s has a series twice: %s", name, kind, recorded.name, one)
				}
			}
		}
		for name, ok := range resolved {
			switch _, excused := unset[name]; {
			case !ok && !excused:
				t.Errorf("no recording of a %s has a value for %s", kind, name)
			case ok && excused:
				t.Errorf("a %s has a value for %s: unset need not name it", kind, name)
			}
		}
	}
}

// twice returns the labels that two of the series have; empty: they all differ.
func twice(series []string) string {
	seen := map[string]bool{}
	for _, one := range series {
		labels, _, _ := strings.Cut(one, "} ")
		if seen[labels] {
			return labels
		}
		seen[labels] = true
	}
	return ""
}

func TestKubeStateMetricsShowsWhatACampaignHas(t *testing.T) {
	for _, recorded := range recordings(t, "ReferralCampaign") {
		if recorded.name != "ready" {
			continue
		}
		want := map[string][]string{
			"kube_referralcampaign_info":               {`{database="shop",deletion_policy="Retain",policy="five-dollars"} 1`},
			"kube_referralcampaign_condition":          {`{reason="Ready",type="Ready"} 1`},
			"kube_referralcampaign_starts_at":          {`{} 1793491200`},
			"kube_referralcampaign_budget":             {`{currency="USD"} 10000`},
			"kube_referralcampaign_budget_remaining":   {`{currency="USD"} 10000`},
			"kube_referralcampaign_credit_granted":     {`{currency="USD"} 0`},
			"kube_referralcampaign_deletion_timestamp": nil,
			"kube_referralcampaign_pairs": {
				`{state="awaitingPurchase"} 0`, `{state="granted"} 0`, `{state="held"} 0`, `{state="reversed"} 0`, `{state="waiting"} 0`,
			},
		}
		got := customResourceStates(t)["ReferralCampaign"].series(recorded)
		for name, series := range want {
			if diff := cmp.Diff(series, got[name]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		return
	}
	t.Fatal("no campaign is recorded that is ready")
}

// No label holds an id of a person, and none has a value per fact.
func TestLabelsOfKubeStateMetricsAreNames(t *testing.T) {
	known := []string{
		"namespace", "name", "type", "reason", "state", "currency", "database", "policy", "campaign", "deletion_policy", "revision_scope",
		"server_version", "owner", "customresource_group", "customresource_version", "customresource_kind",
	}
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for kind, families := range customResourceStates(t) {
		for _, generator := range families.resource.Metrics {
			if !name.MatchString(generator.Name) || generator.Help == "" || !strings.HasSuffix(generator.Help, ".") {
				t.Errorf("metric %q of %s: help %q", generator.Name, kind, generator.Help)
			}
			labels := families.resource.Merge(generator.Labels).LabelsFromPath
			for _, more := range []map[string][]string{infoLabels(generator.Each), gaugeLabels(generator.Each)} {
				maps.Copy(labels, more)
			}
			for label := range labels {
				if !slices.Contains(known, label) {
					t.Errorf("metric %s of %s has the label %s", generator.Name, kind, label)
				}
			}
		}
	}
}

func infoLabels(each customresourcestate.Metric) map[string][]string {
	if each.Info == nil {
		return nil
	}
	return each.Info.LabelsFromPath
}

func gaugeLabels(each customresourcestate.Metric) map[string][]string {
	if each.Gauge == nil {
		return nil
	}
	return each.Gauge.LabelsFromPath
}
