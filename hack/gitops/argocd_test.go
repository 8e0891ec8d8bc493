package gitops_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// health is what a health script returns.
type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// healthTests is a file health_test.yaml.
type healthTests struct {
	Tests []struct {
		InputPath    string `json:"inputPath"`
		HealthStatus health `json:"healthStatus"`
	} `json:"tests"`
}

// healthOf is the health that Argo CD should show for each state.
var healthOf = map[string]string{
	deleting:   "Progressing",
	underway:   "Progressing",
	failed:     "Degraded",
	outOfOrder: "Degraded",
	suspended:  "Suspended",
	inForce:    "Healthy",
}

func TestHealthOfEveryRecording(t *testing.T) {
	for _, kind := range kinds {
		script := readText(t, customized, kind, "health.lua")
		expected := healthTestsOf(t, kind)
		for _, recorded := range recordings(t, kind) {
			t.Run(kind+"/"+recorded.name, func(t *testing.T) {
				want, ok := expected[recorded.name]
				if !ok {
					t.Fatal("health_test.yaml does not say what the health is")
				}
				if right := healthOf[recorded.stateOf()]; want.Status != right {
					t.Errorf("health_test.yaml says %s; what is %s should be %s", want.Status, recorded.stateOf(), right)
				}
				for _, vm := range virtualMachines {
					var got health
					encoded, err := vm.run(script, recorded.Object)
					if err == nil {
						err = decodeLua(encoded, &got)
					}
					if diff := cmp.Diff(want, got); err != nil || diff != "" {
						t.Errorf("%s: error %v; health (-want +got):\n%s", vm.name(), err, diff)
					}
				}
			})
			delete(expected, recorded.name)
		}
		for name := range expected {
			t.Errorf("health_test.yaml of %s names %s, which is not recorded", kind, name)
		}
	}
}

// healthTestsOf reads health_test.yaml of a kind, by the names of the recordings.
func healthTestsOf(t *testing.T, kind string) map[string]health {
	t.Helper()
	var tests healthTests
	readYAML(t, filepath.Join(customized, kind, "health_test.yaml"), &tests)
	expected := map[string]health{}
	for _, test := range tests.Tests {
		directory, file := filepath.Split(test.InputPath)
		if directory != "testdata/" || filepath.Ext(file) != ".yaml" {
			t.Errorf("inputPath %s is not in testdata", test.InputPath)
		}
		expected[file[:len(file)-len(".yaml")]] = test.HealthStatus
	}
	return expected
}

// Argo CD needs a script per kind. Kinds that are judged alike have equal scripts.
func TestKindsShareTheirScripts(t *testing.T) {
	scripts := map[string][]string{
		"health.lua":                   {"AttributionDatabase", "RewardPlan", "RewardPolicy"},
		"actions/discovery.lua":        {"AttributionDatabase"},
		"actions/suspend/action.lua":   {"AttributionDatabase"},
		"actions/resume/action.lua":    {"AttributionDatabase"},
		"actions/reconcile/action.lua": {"AttributionDatabase", "RewardPolicy"},
	}
	for script, sharers := range scripts {
		want := readText(t, customized, "ReferralCampaign", script)
		for _, kind := range sharers {
			if diff := cmp.Diff(want, readText(t, customized, kind, script)); diff != "" {
				t.Errorf("%s of %s differs from that of ReferralCampaign:\n%s", script, kind, diff)
			}
		}
	}
}

// action is one that a discovery script returns.
type action struct {
	Name      string `json:"name"`
	Disabled  bool   `json:"disabled,omitempty"`
	IconClass string `json:"iconClass,omitempty"`
}

// actionTests is a file action_test.yaml.
type actionTests struct {
	DiscoveryTests []struct {
		InputPath string   `json:"inputPath"`
		Result    []action `json:"result"`
	} `json:"discoveryTests"`
	ActionTests []struct {
		Action             string `json:"action"`
		InputPath          string `json:"inputPath"`
		ExpectedOutputPath string `json:"expectedOutputPath"`
	} `json:"actionTests"`
}

func actionTestsOf(t *testing.T, kind string) (tests actionTests, directory string) {
	t.Helper()
	directory = filepath.Join(customized, kind, "actions")
	readYAML(t, filepath.Join(directory, "action_test.yaml"), &tests)
	return tests, directory
}

// actedOn are the kinds that have actions. A plan has none: it is never edited.
var actedOn = []string{"AttributionDatabase", "ReferralCampaign", "RewardPolicy"}

func TestDiscoveryOffersTheActionsThatDoSomething(t *testing.T) {
	for _, kind := range actedOn {
		tests, directory := actionTestsOf(t, kind)
		script := readText(t, directory, "discovery.lua")
		for _, test := range tests.DiscoveryTests {
			for _, vm := range virtualMachines {
				t.Run(kind+"/"+test.InputPath+" "+vm.name(), func(t *testing.T) {
					encoded, err := vm.run(script, readObject(t, filepath.Join(directory, test.InputPath)).Object)
					if err != nil {
						t.Fatal(err)
					}
					var offered map[string]action
					if err := decodeLua(encoded, &offered); err != nil {
						t.Fatal(err)
					}
					got := []action{}
					for name, offer := range offered {
						offer.Name = name
						got = append(got, offer)
					}
					slices.SortFunc(got, func(a, b action) int { return strings.Compare(a.Name, b.Name) })
					if diff := cmp.Diff(test.Result, got); diff != "" {
						t.Errorf("actions (-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}

func TestActionsChangeOnlyWhatTheyAreFor(t *testing.T) {
	for _, kind := range actedOn {
		tests, directory := actionTestsOf(t, kind)
		for _, test := range tests.ActionTests {
			for _, vm := range virtualMachines {
				t.Run(kind+"/"+test.Action+"/"+filepath.Base(test.InputPath)+" "+vm.name(), func(t *testing.T) {
					input := readObject(t, filepath.Join(directory, test.InputPath))
					got := act(t, vm, readText(t, directory, test.Action, "action.lua"), input)
					want := readObject(t, filepath.Join(directory, test.ExpectedOutputPath))
					withoutTime(t, got)
					withoutTime(t, want)
					if diff := cmp.Diff(asJSON(t, want.Object), asJSON(t, got.Object)); diff != "" {
						t.Errorf("object (-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}

// act returns the object that Argo CD patches the given one to.
func act(t *testing.T, vm luaVM, script string, input *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	encoded, err := vm.run(script, input.Object)
	if err != nil {
		t.Fatal(err)
	}
	var returned map[string]any
	if err := json.Unmarshal(encoded, &returned); err != nil {
		t.Fatal(err)
	}
	restored, ok := restoreEmpty(returned, input.Object).(map[string]any)
	if !ok {
		t.Fatalf("the script returned %s", encoded)
	}
	return &unstructured.Unstructured{Object: restored}
}

var timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)

// withoutTime replaces the time at which a reconcile was requested.
func withoutTime(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	annotations := object.GetAnnotations()
	requested, ok := annotations[v1alpha1.RequestedAtAnnotation]
	if !ok {
		return
	}
	if !timestamp.MatchString(requested) {
		t.Errorf("a reconcile is requested at %q", requested)
	}
	annotations[v1alpha1.RequestedAtAnnotation] = "the time"
	object.SetAnnotations(annotations)
}

// asJSON has all numbers as JSON has them.
func asJSON(t *testing.T, value any) any {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}
