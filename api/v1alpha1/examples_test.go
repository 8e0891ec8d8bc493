package v1alpha1_test

import (
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// example returns the design's object of a kind with a patch applied to it: a YAML document in
// which null removes.
func example(t testing.TB, kind, patch string) *unstructured.Unstructured {
	t.Helper()
	for _, object := range objects(t, "testdata/design.yaml") {
		if object.GetKind() == kind {
			object.Object = merge(object.Object, parse(t, patch)).(map[string]any)
			return object
		}
	}
	t.Fatalf("no %s in the design's example", kind)
	return nil
}

// objects reads all documents of a YAML file, less their namespace: each test has one of its own.
func objects(t testing.TB, path string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []*unstructured.Unstructured
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		object := &unstructured.Unstructured{Object: parse(t, document)}
		object.SetNamespace("")
		found = append(found, object)
	}
	return found
}

func parse(t testing.TB, document string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(document), &object); err != nil {
		t.Fatalf("while parsing %q: %v", document, err)
	}
	return object
}

// merge lays patch over base. Maps are merged by key, null removes a key, and everything else
// replaces.
func merge(base, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	result := map[string]any{}
	if fields, ok := base.(map[string]any); ok {
		result = fields
	}
	for key, change := range changes {
		if change == nil {
			delete(result, key)
			continue
		}
		result[key] = merge(result[key], change)
	}
	return result
}

// decode turns what the API server keeps into the Go type of its kind.
func decode(t testing.TB, object *unstructured.Unstructured) client.Object {
	t.Helper()
	typed, err := decoded(object)
	if err != nil {
		t.Fatalf("accepted, but the Go type does not decode it: %v", err)
	}
	return typed
}

// decoded is decode, by the decoder of the informers.
func decoded(object *unstructured.Unstructured) (client.Object, error) {
	var typed client.Object
	switch object.GetKind() {
	case "AttributionDatabase":
		typed = &v1alpha1.AttributionDatabase{}
	case "RewardPolicy":
		typed = &v1alpha1.RewardPolicy{}
	case "RewardPlan":
		typed = &v1alpha1.RewardPlan{}
	case "RewardReview":
		typed = &v1alpha1.RewardReview{}
	default:
		typed = &v1alpha1.ReferralCampaign{}
	}
	text, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return typed, json.Unmarshal(text, typed)
}

func specOf(object client.Object) any {
	switch object := object.(type) {
	case *v1alpha1.AttributionDatabase:
		return object.Spec
	case *v1alpha1.RewardPolicy:
		return object.Spec
	case *v1alpha1.RewardPlan:
		return object.Spec
	case *v1alpha1.RewardReview:
		return object.Spec
	default:
		return object.(*v1alpha1.ReferralCampaign).Spec
	}
}

func observedGeneration(object client.Object) int64 {
	switch object := object.(type) {
	case *v1alpha1.AttributionDatabase:
		return object.Status.ObservedGeneration
	case *v1alpha1.RewardPolicy:
		return object.Status.ObservedGeneration
	case *v1alpha1.RewardPlan:
		return object.Status.ObservedGeneration
	case *v1alpha1.RewardReview:
		return object.Status.ObservedGeneration
	default:
		return object.(*v1alpha1.ReferralCampaign).Status.ObservedGeneration
	}
}

// whole reads YAML's and JSON's different numbers as one kind.
func whole(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = whole(value[key])
		}
	case []any:
		for i := range value {
			value[i] = whole(value[i])
		}
	case int64:
		return float64(value)
	}
	return value
}
