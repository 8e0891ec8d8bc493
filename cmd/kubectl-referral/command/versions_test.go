package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// oneError checks that a call ended with one line and exit code 2.
func oneError(t *testing.T, got result, says string) {
	t.Helper()
	if got.code != exitError || !strings.Contains(got.problems, says) || strings.Count(got.problems, "\n") != 1 {
		t.Errorf("not %q: %v", says, got)
	}
}

func TestClusterWithoutTheKindsIsOneLine(t *testing.T) {
	plane := testworld.NewCluster(t, testworld.ControlPlaneOptions{})
	w := &world{TB: t, cluster: plane, namespace: "default", kubeconfig: plane.Kubeconfig()}
	file := w.file("policy.yaml", sevenDollarsYAML)
	for _, command := range []string{
		"status", "status x", "explain bob", "explain bob -d shop", "plan -f " + file, "verify shop", "suspend x", "resume x", "reconcile x", "release x",
	} {
		oneError(t, w.run(strings.Fields(command)...), "the operator is not installed, or is older")
	}

	crd := older(t, "rewardreviews", func(spec map[string]any) {
		delete(spec, "x-kubernetes-validations")
		properties, _, _ := unstructured.NestedMap(spec, "properties")
		delete(properties, "purchaseID")
		spec["properties"] = properties
	})
	_, err := plane.Kubectl(t.Context(), crd, "create", "-f", "-")
	testworld.Must(t, err)
	_, err = plane.Kubectl(t.Context(), "", "wait", "crd", "--all", "--for=condition=Established")
	testworld.Must(t, err)
	oneError(t, w.run("explain", "bob", "order-1", "-d", "shop"), "the operator is older than kubectl-referral")

	testworld.Must(t, plane.StopAPIServer())
	oneError(t, w.run("status"), "the API server cannot be reached")
}

// older is a CRD of this repository without some of the fields of its spec.
func older(t *testing.T, resource string, change func(spec map[string]any)) string {
	t.Helper()
	crds, err := testworld.CRDs()
	testworld.Must(t, err)
	data, err := os.ReadFile(filepath.Join(crds, "referral-operator.io_"+resource+".yaml"))
	testworld.Must(t, err)
	var crd map[string]any
	testworld.Must(t, yaml.Unmarshal(data, &crd))
	versions, _, _ := unstructured.NestedSlice(crd, "spec", "versions")
	version, ok := versions[0].(map[string]any)
	if !ok {
		t.Fatal("the CRD has no version")
	}
	spec, _, _ := unstructured.NestedMap(version, "schema", "openAPIV3Schema", "properties", "spec")
	change(spec)
	testworld.Must(t, unstructured.SetNestedMap(version, spec, "schema", "openAPIV3Schema", "properties", "spec"))
	testworld.Must(t, unstructured.SetNestedSlice(crd, []any{version}, "spec", "versions"))
	text, err := yaml.Marshal(crd)
	testworld.Must(t, err)
	return string(text)
}

func TestObjectOfANewerOperatorIsReadOrRefusedInOneLine(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{
		"kind": "ReferralCampaign", "metadata": map[string]any{"name": "invite-friends"},
		"spec":   map[string]any{"policyRef": map[string]any{"name": "five-dollars", "novel": true}, "novelty": []any{"x"}},
		"status": map[string]any{"pairs": map[string]any{"granted": int64(7), "sleeping": int64(1)}},
	}}
	campaign, err := decode[v1alpha1.ReferralCampaign](object)
	if err != nil || campaign.Status.Pairs.Granted != 7 {
		t.Errorf("unknown fields: %v, %v", campaign, err)
	}
	object.Object["status"] = map[string]any{"pairs": []any{"of another type"}}
	if _, err := decode[v1alpha1.ReferralCampaign](object); err == nil || !strings.Contains(err.Error(), "install the operator's version") {
		t.Errorf("a field of another type: %v", err)
	}
}

func TestVersionIsPrinted(t *testing.T) {
	if got := runIn(t.Context(), "--version"); got.code != exitDone || !strings.HasPrefix(got.out, "kubectl referral version ") {
		t.Error(got)
	}
}

func TestCompletionKnowsNamesAndFormats(t *testing.T) {
	w := newWorld(t)
	for command, says := range map[string]string{
		"status ": "invite-friends", "suspend database/": "database/shop", "explain bob --database ": "shop", "plan -o ": "markdown", "": "explain",
	} {
		args := append([]string{"__complete"}, strings.Split(command, " ")...)
		args = append(args[:1], append([]string{"--kubeconfig=" + w.kubeconfig, "--namespace=" + w.namespace}, args[1:]...)...)
		if got := runIn(t.Context(), args...); !strings.Contains(got.out, says) {
			t.Errorf("%q: %v", command, got)
		}
	}
}
