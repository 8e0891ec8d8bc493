package gitops_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The pages about GitOps contain only objects of ours that the API server accepts, and no key
// twice.
func TestExamplesOfThePagesAreAccepted(t *testing.T) {
	controlPlane := testworld.Cluster(t)
	namespace := testworld.NewNamespace(t, controlPlane)
	c, err := client.New(controlPlane.Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	others := []string{"argoproj.io", "kustomize.toolkit.fluxcd.io"}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for _, page := range []string{"gitops-argocd", "gitops-flux"} {
		examples := 0
		for _, match := range block.FindAllStringSubmatch(readText(t, root, "docs", page+".md"), -1) {
			for example := range strings.SplitSeq(match[1], "---\n") {
				object := &unstructured.Unstructured{}
				if err := yaml.UnmarshalStrict([]byte(example), &object.Object); err != nil {
					t.Errorf("docs/%s.md: %v\n%s", page, err, example)
					continue
				}
				if slices.Contains(others, object.GroupVersionKind().Group) {
					continue
				}
				examples++
				object.SetNamespace(namespace)
				if err := c.Create(t.Context(), object, client.FieldValidation("Strict"), client.DryRunAll); err != nil {
					t.Errorf("docs/%s.md: %v", page, err)
				}
			}
		}
		if examples == 0 {
			t.Errorf("docs/%s.md has no example of ours", page)
		}
	}
}
