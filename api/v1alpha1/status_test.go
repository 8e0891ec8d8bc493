package v1alpha1_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// statusField is a field of a kind's status that is neither an object nor a list.
type statusField struct {
	kind, path string
	schema     apiextensionsv1.JSONSchemaProps
}

func (f *statusField) isTime() bool { return f.schema.Format == "date-time" }

func (f *statusField) isCondition() bool { return strings.Contains(f.path, ".conditions.") }

// statusFields returns the fields of the statuses of all kinds.
func statusFields(t testing.TB) []statusField {
	t.Helper()
	var fields []statusField
	for _, plural := range slices.Sorted(maps.Keys(pages)) {
		crd := crdOf(t, plural)
		eachLeaf("status", statusSchema(&crd), func(path string, schema apiextensionsv1.JSONSchemaProps) {
			fields = append(fields, statusField{kind: crd.Spec.Names.Kind, path: path, schema: schema})
		})
	}
	if len(fields) < 100 {
		t.Fatalf("the statuses have only the fields %+v", fields)
	}
	return fields
}

func statusSchema(crd *apiextensionsv1.CustomResourceDefinition) apiextensionsv1.JSONSchemaProps {
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
}

// eachLeaf visits the fields of a schema that are neither objects nor lists, of lists those of the
// first item.
func eachLeaf(path string, schema apiextensionsv1.JSONSchemaProps, visit func(string, apiextensionsv1.JSONSchemaProps)) {
	switch schema.Type {
	case "object":
		for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
			eachLeaf(path+"."+name, schema.Properties[name], visit)
		}
	case "array":
		eachLeaf(path+".0", *schema.Items.Schema, visit)
	default:
		visit(path, schema)
	}
}

// filled is a value with every field of a schema, and one item in each list.
func filled(t testing.TB, schema *apiextensionsv1.JSONSchemaProps) any {
	t.Helper()
	switch {
	case schema.Type == "object":
		object := map[string]any{}
		for name, field := range schema.Properties {
			object[name] = filled(t, &field)
		}
		return object
	case schema.Type == "array":
		return []any{filled(t, schema.Items.Schema)}
	case schema.Type == "integer":
		return int64(1)
	case schema.Type == "boolean":
		return true
	case len(schema.Enum) > 0:
		var first any
		if err := json.Unmarshal(schema.Enum[0].Raw, &first); err != nil {
			t.Fatal(err)
		}
		return first
	case schema.Format == "date-time":
		return "2026-11-01T00:00:00Z"
	}
	return "x"
}

// withStatuses creates an object of each kind whose status has every field.
func withStatuses(t testing.TB, c client.Client) map[string]*unstructured.Unstructured {
	t.Helper()
	stored := map[string]*unstructured.Unstructured{}
	for plural := range pages {
		crd := crdOf(t, plural)
		schema := statusSchema(&crd)
		object := example(t, crd.Spec.Names.Kind, "")
		object.SetName("")
		object.SetGenerateName("status-")
		if err := c.Create(t.Context(), object, strict); err != nil {
			t.Fatal(err)
		}
		object.Object["status"] = filled(t, &schema)
		if err := c.Status().Update(t.Context(), object, strict); err != nil {
			t.Fatal(err)
		}
		stored[object.GetKind()] = object
	}
	return stored
}

// writesStatus has the API server validate one value in the status of an object, which then is as
// the API server would store it.
func writesStatus(t testing.TB, c client.Client, object *unstructured.Unstructured, path string, value any) error {
	t.Helper()
	set(t, object, path, value)
	return c.Status().Update(t.Context(), object, strict, client.DryRunAll)
}

// A person who may write statuses must not stop the informers of all tenants by a time that the API
// server takes for one and Go does not.
func TestStatusTimesAreThoseThatGoReads(t *testing.T) {
	c := cluster(t)
	stored := withStatuses(t, c)
	for _, field := range statusFields(t) {
		if !field.isTime() {
			continue
		}
		// The first and the last time that the operator writes, see shownTime.
		for _, time := range []string{"0001-01-01T00:00:01Z", "2026-11-01T00:00:00Z", "9999-12-31T23:59:59Z"} {
			object := stored[field.kind].DeepCopy()
			if err := writesStatus(t, c, object, field.path, time); err != nil {
				t.Errorf("%s of %s = %s: %v", field.path, field.kind, time, err)
				continue
			}
			decode(t, object)
		}
		for _, time := range []string{
			"2026-11-01t00:00:00z", "2026-11-01T00:00:00Zt", "2026-11-01T00:00:00x5Z", "0000-01-01T00:00:00+19:59", "9999-12-31T23:59:59-19:59",
		} {
			err := writesStatus(t, c, stored[field.kind].DeepCopy(), field.path, time)
			if err == nil || !strings.Contains(err.Error(), "status.") {
				t.Errorf("%s of %s = %s: not refused: %v", field.path, field.kind, time, err)
			}
		}
	}
}

// Caches hold the statuses of all tenants, except the answers of reviews.
func TestStatusesAreBounded(t *testing.T) {
	c := cluster(t)
	stored := withStatuses(t, c)
	for _, field := range statusFields(t) {
		text := field.schema.Type == "string" && len(field.schema.Enum) == 0 && !field.isTime()
		if !text || field.isCondition() || field.kind == "RewardReview" {
			continue
		}
		if field.schema.MaxLength == nil {
			t.Errorf("%s of %s has no greatest length", field.path, field.kind)
			continue
		}
		longest := strings.Repeat("x", int(*field.schema.MaxLength))
		if err := writesStatus(t, c, stored[field.kind].DeepCopy(), field.path, longest); err != nil {
			t.Errorf("%s of %s: %v", field.path, field.kind, err)
		}
		err := writesStatus(t, c, stored[field.kind].DeepCopy(), field.path, longest+"x")
		if err == nil || !strings.Contains(err.Error(), "may not be more than "+strconv.Itoa(len(longest))) {
			t.Errorf("%s of %s: a longer text is not refused: %v", field.path, field.kind, err)
		}
	}
	for plural := range pages {
		crd := crdOf(t, plural)
		eachList("status", statusSchema(&crd), func(path string, list apiextensionsv1.JSONSchemaProps) {
			if list.MaxItems == nil {
				t.Errorf("%s of %s has no greatest number of items", path, plural)
			}
		})
	}
}

func eachList(path string, schema apiextensionsv1.JSONSchemaProps, visit func(string, apiextensionsv1.JSONSchemaProps)) {
	for name, field := range schema.Properties {
		eachList(path+"."+name, field, visit)
	}
	if schema.Type == "array" {
		visit(path, schema)
		eachList(path, *schema.Items.Schema, visit)
	}
}
