package controllers_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Most tests write objects as kubectl does, but do without its process, which takes longer than most
// reconciles. Package acceptance uses kubectl itself.

// apply does what kubectl apply --server-side does with manifests.
func (w *world) apply(manifests string) {
	w.Helper()
	for _, object := range w.decode(manifests) {
		check(w, w.client.Apply(w.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("kubectl")))
	}
}

// patch merges a spec into that of an object, as kubectl patch --type=merge does.
func (w *world) patch(kind, name, spec string) {
	w.Helper()
	w.merge(kind, name, `{"spec":`+spec+`}`)
}

// merge does what kubectl patch --type=merge does.
func (w *world) merge(kind, name, patch string) {
	w.Helper()
	check(w, w.client.Patch(w.Context(), w.object(kind, name), client.RawPatch(types.MergePatchType, []byte(patch)), client.FieldOwner("kubectl-patch")))
}

// annotate does what kubectl annotate --overwrite does.
func (w *world) annotate(kind, name, key, value string) {
	w.Helper()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{key: value}}})
	check(w, err)
	check(w, w.client.Patch(w.Context(), w.object(kind, name), client.RawPatch(types.MergePatchType, patch), client.FieldOwner("kubectl-annotate")))
}

// object is one of a kind by its short name.
func (w *world) object(kind, name string) client.Object {
	w.Helper()
	switch kind {
	case "adb":
		return w.adb(name)
	case "rpol":
		return w.rpol(name)
	case "rcamp":
		return w.rcamp(name)
	}
	w.Fatalf("no kind has the short name %s", kind)
	return nil
}

// decode reads manifests as kubectl does. Those without a namespace are of the world's.
func (w *world) decode(manifests string) []*unstructured.Unstructured {
	w.Helper()
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096); ; {
		var document runtime.RawExtension
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return objects
		}
		check(w, err)
		if len(document.Raw) == 0 || string(document.Raw) == "null" {
			continue
		}
		object := &unstructured.Unstructured{}
		check(w, object.UnmarshalJSON(document.Raw))
		namespaced, err := w.client.IsObjectNamespaced(object)
		check(w, err)
		if namespaced && object.GetNamespace() == "" {
			object.SetNamespace(w.namespace)
		}
		objects = append(objects, object)
	}
}
