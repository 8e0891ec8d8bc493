package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

const trackerName = "referral-tracker"

func testInstallWithTracker(t *testing.T, cluster *testworld.ControlPlane) {
	t.Helper()
	const install = "default-with-tracker"
	apply(t, cluster.Kubeconfig(), install)

	t.Run("a second time it changes nothing", func(t *testing.T) {
		kubectl(t, cluster.Kubeconfig(), "wait", "--for=condition=Established", "crd",
			"--selector", "app.kubernetes.io/part-of=referral-operator")
		before := versions(t, cluster, install)
		apply(t, cluster.Kubeconfig(), install)
		if diff := cmp.Diff(before, versions(t, cluster, install)); diff != "" {
			t.Errorf("versions of what was installed (-first +second):\n%s", diff)
		}
	})
	t.Run("it leaves the number of replicas to the autoscaler", func(t *testing.T) {
		kubectl(t, cluster.Kubeconfig(), "scale", "deployment", trackerName, "--namespace", systemNamespace, "--replicas", "7")
		apply(t, cluster.Kubeconfig(), install)
		replicas, _ := kubectl(t, cluster.Kubeconfig(), "get", "deployment", trackerName, "--namespace", systemNamespace,
			"--output", "jsonpath={.spec.replicas}")
		if replicas != "7" {
			t.Errorf("there are to be %s replicas, want 7", replicas)
		}
	})
	t.Run("its namespace lets the tracker's pods in without a warning", func(t *testing.T) {
		template := findDeployment(t, render(t, install), trackerName).Spec.Template
		warnings, err := admitPod(t, cluster, template, func(*corev1.PodSpec) {})
		if err != nil || warnings != "" {
			t.Errorf("the pod got error %v and warnings %q, want neither", err, warnings)
		}
	})
	t.Run("the manager's selectors do not reach its pods, nor its own the manager's", func(t *testing.T) {
		checkSelectors(t, render(t, install))
	})
}

// checkSelectors wants each Service, budget and policy to select the pods of just one Deployment.
func checkSelectors(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	paths := map[string][]string{
		"Service":             {"spec", "selector"},
		"PodDisruptionBudget": {"spec", "selector", "matchLabels"},
		"NetworkPolicy":       {"spec", "podSelector", "matchLabels"},
		"Deployment":          {"spec", "selector", "matchLabels"},
	}
	for _, object := range objects {
		path, ok := paths[object.GetKind()]
		if !ok {
			continue
		}
		selector, _, err := unstructured.NestedStringMap(object.Object, path...)
		if err != nil {
			t.Fatal(err)
		}
		var selected []string
		for _, name := range []string{managerName, trackerName} {
			labels := findDeployment(t, objects, name).Spec.Template.Labels
			matches := len(selector) > 0
			for key, value := range selector {
				matches = matches && labels[key] == value
			}
			if matches {
				selected = append(selected, name)
			}
		}
		own := managerName
		if strings.HasPrefix(object.GetName(), trackerName) {
			own = trackerName
		}
		if diff := cmp.Diff([]string{own}, selected); diff != "" {
			t.Errorf("%s %s selects the pods of (-want +got):\n%s", object.GetKind(), object.GetName(), diff)
		}
	}
}

// docs/tracker.md shows this way of setting something.
func TestOverlayMergesTrackerSettings(t *testing.T) {
	objects := render(t, overlay(t, "default-with-tracker", `configMapGenerator:
- name: referral-tracker
  namespace: referral-operator-system
  behavior: merge
  literals:
  - TRACKER_PUBLIC_URL=https://shop.example
  - TRACKER_COOKIE_DOMAIN=shop.example
images:
- {name: ghcr.io/referral-operator/tracker, newName: registry.internal/tracker, newTag: v9}
`))
	container := findDeployment(t, objects, trackerName).Spec.Template.Spec.Containers[0]
	if want := "registry.internal/tracker:v9"; container.Image != want {
		t.Errorf("the image is %s, want %s", container.Image, want)
	}
	name := container.EnvFrom[0].ConfigMapRef.Name
	for _, object := range objects {
		if object.GetKind() != "ConfigMap" || object.GetName() != name {
			continue
		}
		settings, _, err := unstructured.NestedStringMap(object.Object, "data")
		want := map[string]string{
			"TRACKER_PUBLIC_URL": "https://shop.example", "TRACKER_COOKIE_DOMAIN": "shop.example",
		}
		if diff := cmp.Diff(want, settings); diff != "" || err != nil {
			t.Errorf("settings (-want +got), %v:\n%s", err, diff)
		}
		return
	}
	t.Errorf("there is no ConfigMap %s, which the pods want", name)
}

func TestNamespacedInstallTakesTheTrackerAsAComponent(t *testing.T) {
	namespaced := []string{
		"ConfigMap", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget", "Role", "RoleBinding",
		"Service", "ServiceAccount",
	}
	objects := render(t, overlay(t, "namespaced", "namespace: growth\ncomponents:\n- CONFIG/tracker\n"))
	findDeployment(t, objects, trackerName)
	for _, object := range objects {
		if !slices.Contains(namespaced, object.GetKind()) || object.GetNamespace() != "growth" {
			t.Errorf("%s %s is in namespace %q, and only %v belong here",
				object.GetKind(), object.GetName(), object.GetNamespace(), namespaced)
		}
	}
}
