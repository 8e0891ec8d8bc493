package gitops_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/utils"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// flux applies the samples in a namespace on a real API server as Flux does.
type flux struct {
	*testing.T
	client  client.Client
	manager *ssa.ResourceManager
	samples []*unstructured.Unstructured
}

// fluxController is the field manager of Flux.
const fluxController = "kustomize-controller"

func newFlux(t *testing.T) *flux {
	t.Helper()
	controlPlane := testworld.Cluster(t)
	namespace := testworld.NewNamespace(t, controlPlane)
	c, err := client.New(controlPlane.Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	owner := ssa.Owner{Field: fluxController, Group: "kustomize.toolkit.fluxcd.io"}
	f := &flux{T: t, client: c, manager: ssa.NewResourceManager(c, nil, owner), samples: samples(t, namespace)}
	f.manager.SetOwnerLabels(f.samples, "referrals", "flux-system")
	return f
}

// samples reads config/samples, for another namespace. A plan gets a name, since only an object
// with a name can be applied.
func samples(t *testing.T, namespace string) []*unstructured.Unstructured {
	t.Helper()
	paths, err := filepath.Glob(root + "/config/samples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var found []*unstructured.Unstructured
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(strings.ReplaceAll(string(text), "namespace: growth", "namespace: "+namespace)), &object.Object); err != nil {
			t.Fatal(err)
		}
		if object.GetKind() == "" {
			continue // the kustomization
		}
		if object.GetGenerateName() != "" {
			object.SetName(object.GetGenerateName() + "1")
			object.SetGenerateName("")
		}
		found = append(found, object)
	}
	if len(found) < len(kinds) {
		t.Fatalf("found %d samples", len(found))
	}
	return found
}

// apply reconciles a Kustomization of Flux: it takes over what was written with kubectl, and
// applies what differs. It returns what it did with each object.
func (f *flux) apply() map[string]ssa.Action {
	f.Helper()
	options := ssa.DefaultApplyOptions()
	options.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{"kubectl.kubernetes.io/last-applied-configuration"},
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: fluxController, OperationType: metav1.ManagedFieldsOperationUpdate},
		},
	}
	var copies []*unstructured.Unstructured
	for _, sample := range f.samples {
		copies = append(copies, sample.DeepCopy())
	}
	changes, err := f.manager.ApplyAllStaged(f.Context(), copies, options)
	if err != nil {
		f.Fatal(err)
	}
	return changes.ToMap()
}

func (f *flux) expect(action ssa.Action) {
	f.Helper()
	for subject, did := range f.apply() {
		if did != action {
			f.Errorf("%s was %s, want %s", subject, did, action)
		}
	}
}

// sample returns the sample of a kind, as declared.
func (f *flux) sample(kind string) *unstructured.Unstructured {
	f.Helper()
	for _, sample := range f.samples {
		if sample.GetKind() == kind {
			return sample
		}
	}
	f.Fatalf("no sample of %s", kind)
	return nil
}

// patch changes the sample of a kind in the cluster, as the given field manager.
func (f *flux) patch(kind, manager, patch string, subresource ...string) {
	f.Helper()
	object := f.sample(kind).DeepCopy()
	var err error
	if len(subresource) > 0 {
		err = f.client.Status().Patch(f.Context(), object, client.RawPatch(types.MergePatchType, []byte(patch)), client.FieldOwner(manager))
	} else {
		err = f.client.Patch(f.Context(), object, client.RawPatch(types.MergePatchType, []byte(patch)), client.FieldOwner(manager))
	}
	if err != nil {
		f.Fatal(err)
	}
}

func (f *flux) current(kind string) *unstructured.Unstructured {
	f.Helper()
	object := f.sample(kind).DeepCopy()
	if err := f.client.Get(f.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		f.Fatal(err)
	}
	return object
}

func TestFluxAppliesTheSamplesOnceAndSeesNoDrift(t *testing.T) {
	f := newFlux(t)
	f.expect(ssa.CreatedAction)

	// What the operator writes is not Flux's.
	for _, kind := range kinds {
		f.patch(kind, v1alpha1.FieldManager, `{"status":{"observedGeneration":1,"conditions":[{"type":"Ready","status":"True","reason":"Ready",`+
			`"message":"in force","observedGeneration":1,"lastTransitionTime":"2026-11-01T00:00:00Z"}]}}`, "status")
	}
	f.patch("AttributionDatabase", v1alpha1.FieldManager, `{"metadata":{"finalizers":["`+v1alpha1.Finalizer+`"]}}`)

	f.expect(ssa.UnchangedAction)
	for _, sample := range f.samples {
		entry, existing, merged, err := f.manager.Diff(t.Context(), sample.DeepCopy(), ssa.DefaultDiffOptions())
		if err != nil {
			t.Fatal(err)
		}
		if entry.Action != ssa.UnchangedAction {
			t.Errorf("%s has drifted: %v, %v", utils.FmtUnstructured(sample), existing, merged)
		}
	}
}

func TestFluxUndoesAnEditWithKubectl(t *testing.T) {
	f := newFlux(t)
	f.apply()
	f.patch("ReferralCampaign", "kubectl-edit", `{"spec":{"budget":{"amount":"1.00"}},"metadata":{"annotations":{"`+v1alpha1.SuspendAnnotation+`":"true"}}}`)
	f.apply()
	campaign := f.current("ReferralCampaign")
	if amount, _, _ := unstructured.NestedString(campaign.Object, "spec", "budget", "amount"); amount != "10000.00" {
		t.Errorf("the budget is %s", amount)
	}
	if campaign.GetAnnotations()[v1alpha1.SuspendAnnotation] != "" {
		t.Error("an annotation that kubectl wrote is still there: docs/gitops-flux.md says that Flux removes it")
	}
}

func TestFluxKeepsWhatThePluginSuspends(t *testing.T) {
	f := newFlux(t)
	f.apply()
	for _, kind := range []string{"ReferralCampaign", "AttributionDatabase"} {
		f.patch(kind, "referral-cli", `{"spec":{"suspend":true},"metadata":{"annotations":{"`+v1alpha1.SuspendAnnotation+`":"true"}}}`)
	}
	f.expect(ssa.UnchangedAction)
	f.patch("ReferralCampaign", "kubectl-label", `{"metadata":{"labels":{"team":"growth"}}}`) // a clean-up is under way
	f.apply()
	for _, kind := range []string{"ReferralCampaign", "AttributionDatabase"} {
		object := f.current(kind)
		if suspended, _, _ := unstructured.NestedBool(object.Object, "spec", "suspend"); !suspended || !v1alpha1.SuspendedByAnnotation(object) {
			t.Errorf("Flux has resumed the %s", kind)
		}
	}
}
