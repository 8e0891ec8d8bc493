// Package gitops_test has the tools of others judge what the operator's tests have recorded of its
// objects, and apply the samples as those tools do. It is a module of its own, so that none of
// these tools is a requirement of the operator.
//
// The recordings are in config/argocd, in the layout of Argo CD's own repository. The tests of
// controllers make them, see recording_test.go there.
package gitops_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestMain(m *testing.M) {
	klog.LogToStderr(false) // kube-state-metrics logs each metric
	klog.SetOutput(io.Discard)
	testworld.Main(m)
}

const (
	root       = "../.."
	customized = root + "/config/argocd/referral-operator.io"
)

var kinds = []string{"AttributionDatabase", "ReferralCampaign", "RewardPlan", "RewardPolicy"}

// recording is an object as the API server had it in one state.
type recording struct {
	*unstructured.Unstructured
	name       string // of its file, without extension
	conditions []metav1.Condition
}

// recordings reads the recorded objects of a kind.
func recordings(t *testing.T, kind string) []recording {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(customized, kind, "testdata", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("no %s has been recorded", kind)
	}
	var found []recording
	for _, path := range paths {
		object := readObject(t, path)
		var content struct {
			Status struct {
				Conditions []metav1.Condition `json:"conditions"`
			} `json:"status"`
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &content); err != nil {
			t.Fatal(err)
		}
		found = append(found, recording{object, strings.TrimSuffix(filepath.Base(path), ".yaml"), content.Status.Conditions})
	}
	return found
}

func readObject(t *testing.T, path string) *unstructured.Unstructured {
	t.Helper()
	encoded, err := yaml.YAMLToJSONStrict([]byte(readText(t, path)))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(encoded); err != nil { // with whole numbers as such
		t.Fatalf("%s: %v", path, err)
	}
	return object
}

// readYAML decodes a file, and fails for fields that into does not have.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(readText(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func readText(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unrecorded are the constants of conditions.go that no recording can show, with the reason.
var unrecorded = map[string]string{
	"FailedReason":         "an error that no other reason describes",
	"SlowReason":           "it takes several slow databases, and a minute",
	"AnsweredReason":       "a RewardReview is never applied by a tool",
	"TooManyReviewsReason": "a RewardReview is never applied by a tool",
}

func TestEveryConditionAndReasonHasBeenRecorded(t *testing.T) {
	shown := map[string]bool{}
	for _, kind := range kinds {
		for _, recorded := range recordings(t, kind) {
			for _, condition := range recorded.conditions {
				shown[condition.Type+"Condition"], shown[condition.Reason+"Reason"] = true, true
			}
		}
	}
	for name, value := range conditionConstants(t) {
		suffix := name[strings.LastIndexAny(name, "CR"):] // Condition or Reason
		_, excused := unrecorded[name]
		switch recorded := shown[value+suffix]; {
		case !recorded && !excused:
			t.Errorf("no recording shows %s; run RECORD=1 go test ./controllers", name)
		case recorded && excused:
			t.Errorf("%s has been recorded: unrecorded need not name it", name)
		}
	}
}

// conditionConstants reads the constants of conditions.go, by name.
func conditionConstants(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), root+"/api/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		constants[spec.Names[0].Name] = value
		return false
	})
	return constants
}

// TestRecordingsAreOfTheTypes finds recordings that are older than the fields of their kinds.
func TestRecordingsAreOfTheTypes(t *testing.T) {
	for _, kind := range kinds {
		for _, recorded := range recordings(t, kind) {
			typed := map[string]any{
				"AttributionDatabase": &v1alpha1.AttributionDatabase{}, "ReferralCampaign": &v1alpha1.ReferralCampaign{},
				"RewardPlan": &v1alpha1.RewardPlan{}, "RewardPolicy": &v1alpha1.RewardPolicy{},
			}[kind]
			err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(recorded.Object, typed, true)
			if err != nil {
				t.Errorf("%s %s: %v", kind, recorded.name, err)
			}
			if recorded.GetKind() != kind || recorded.GroupVersionKind().GroupVersion() != v1alpha1.GroupVersion {
				t.Errorf("%s %s is a %s", kind, recorded.name, recorded.GroupVersionKind())
			}
		}
	}
}

// The states of an object, as every tool should read them.
const (
	deleting   = "being deleted"
	underway   = "not in force yet"
	failed     = "waits for a person"
	outOfOrder = "in force, and not working"
	suspended  = "in force, and suspended"
	inForce    = "in force"
)

// stateOf returns the state that the tools should find in a recording. It uses the conditions
// alone.
func (r recording) stateOf() string {
	ready := meta.FindStatusCondition(r.conditions, v1alpha1.ReadyCondition)
	is := func(kind string) bool { return meta.IsStatusConditionTrue(r.conditions, kind) }
	switch {
	case r.GetDeletionTimestamp() != nil:
		return deleting
	case ready == nil, ready.ObservedGeneration != r.GetGeneration():
		return underway
	case is(v1alpha1.StalledCondition):
		return failed
	case is(v1alpha1.ReconcilingCondition):
		return underway
	case ready.Status != metav1.ConditionTrue:
		return outOfOrder
	case ready.Reason == v1alpha1.SuspendedReason:
		return suspended
	}
	return inForce
}

// TestEachKindIsRecordedInItsStates keeps recordings of a whole class from getting lost.
func TestEachKindIsRecordedInItsStates(t *testing.T) {
	wanted := map[string][]string{
		"AttributionDatabase": {deleting, underway, failed, outOfOrder, suspended, inForce},
		"ReferralCampaign":    {deleting, underway, failed, outOfOrder, suspended, inForce},
		"RewardPlan":          {underway, failed, inForce},
		"RewardPolicy":        {underway, failed, inForce},
	}
	for kind, states := range wanted {
		var shown []string
		for _, recorded := range recordings(t, kind) {
			shown = append(shown, recorded.stateOf())
		}
		for _, state := range states {
			if !slices.Contains(shown, state) {
				t.Errorf("no %s is recorded in the state: %s", kind, state)
			}
		}
	}
}
