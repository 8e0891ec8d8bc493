package testworld

import (
	"strings"
	"testing"
)

const widgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.referral-operator.io}
spec:
  group: referral-operator.io
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object}}
`

func TestObjectsSurviveARestartOfTheAPIServer(t *testing.T) {
	plane := NewCluster(t, ControlPlaneOptions{})
	if _, err := plane.Kubectl(t.Context(), "", "create", "configmap", "kept"); err != nil {
		t.Fatal(err)
	}
	if err := plane.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	if _, err := plane.Kubectl(t.Context(), "", "get", "configmaps"); err == nil {
		t.Error("the API server answers although it was stopped")
	}
	if err := plane.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := plane.Kubectl(t.Context(), "", "get", "configmap", "kept"); err != nil {
		t.Error(err)
	}
}

func TestEmptyNamespaceRemovesTheProjectsObjects(t *testing.T) {
	plane := NewCluster(t, ControlPlaneOptions{})
	if _, err := plane.Kubectl(t.Context(), widgets, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	if _, err := plane.Kubectl(t.Context(), "", "wait", "--for=condition=Established", "crd/widgets.referral-operator.io"); err != nil {
		t.Fatal(err)
	}
	t.Run("inner", func(t *testing.T) {
		namespace := NewNamespace(t, plane)
		stuck := `{"apiVersion": "referral-operator.io/v1alpha1", "kind": "Widget",
			"metadata": {"name": "stuck", "namespace": "` + namespace + `", "finalizers": ["example.com/never"]}}`
		if _, err := plane.Kubectl(t.Context(), stuck, "apply", "-f", "-"); err != nil {
			t.Fatal(err)
		}
	})
	output, err := plane.Kubectl(t.Context(), "", "get", "widgets", "--all-namespaces")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(output, "No resources found") {
		t.Errorf("left behind:\n%s", output)
	}
}
