package config_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestEveryKustomizationBuilds(t *testing.T) {
	found := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "kustomization.yaml" {
			return err
		}
		found++
		directory := filepath.Dir(path)
		t.Run(directory, func(t *testing.T) {
			if len(render(t, directory)) == 0 {
				t.Error("nothing is rendered")
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 8 {
		t.Errorf("found %d kustomizations, there are at least 8", found)
	}
}

func TestRulesAreNoWiderThanNeeded(t *testing.T) {
	for _, install := range []string{"default", "namespaced"} {
		t.Run(install, func(t *testing.T) {
			for _, role := range roles(t, render(t, install)) {
				for _, rule := range role.Rules {
					checkRule(t, role.Name, rule)
				}
			}
		})
	}
}

// checkRule fails for wildcards, for Secrets other than by name, and for rights that lead to
// further rights.
func checkRule(t *testing.T, role string, rule rbacv1.PolicyRule) {
	t.Helper()
	for _, words := range [][]string{rule.APIGroups, rule.Resources, rule.Verbs, rule.NonResourceURLs} {
		if slices.ContainsFunc(words, func(word string) bool { return strings.Contains(word, "*") }) {
			t.Errorf("role %s has a wildcard: %v", role, rule)
		}
	}
	if slices.Contains(rule.Resources, "secrets") &&
		(role != "referral-operator-secret-reader" || !slices.Equal(rule.Verbs, []string{"get"})) {
		t.Errorf("role %s may %v Secrets; only referral-operator-secret-reader may, and only get", role, rule.Verbs)
	}
	for _, verb := range []string{"bind", "escalate", "impersonate"} {
		if slices.Contains(rule.Verbs, verb) {
			t.Errorf("role %s may %s", role, verb)
		}
	}
	for _, group := range rule.APIGroups {
		known := []string{
			"", "authentication.k8s.io", "authorization.k8s.io", "coordination.k8s.io", "events.k8s.io", "referral-operator.io",
		}
		if !slices.Contains(known, group) {
			t.Errorf("role %s has rights in the API group %q, which nothing here needs", role, group)
		}
	}
}

func TestClusterInstallBindsOnlyWhatTheManagerNeedsEverywhere(t *testing.T) {
	var bound []string
	for _, object := range render(t, "default") {
		if object.GetKind() == "ClusterRoleBinding" {
			name, _, _ := unstructured.NestedString(object.Object, "roleRef", "name")
			bound = append(bound, name)
		}
	}
	slices.Sort(bound)
	want := []string{"referral-operator-manager", "referral-operator-metrics-auth"}
	if diff := cmp.Diff(want, bound); diff != "" {
		t.Errorf("cluster roles bound across the cluster (-want +got):\n%s", diff)
	}
}

// A user with all rights in one namespace, and none outside of it, can apply the namespaced
// install.
func TestNamespacedInstallStaysInItsNamespace(t *testing.T) {
	namespaced := []string{
		"Deployment", "NetworkPolicy", "PodDisruptionBudget", "Role", "RoleBinding", "ServiceAccount",
	}
	for _, object := range render(t, "namespaced") {
		if !slices.Contains(namespaced, object.GetKind()) {
			t.Errorf("%s %s: only %v belong here", object.GetKind(), object.GetName(), namespaced)
		}
	}
}

// Every name of a namespace follows the "namespace:" of a kustomization that builds on an install:
// of the objects, and of the subjects of bindings.
func TestInstallFollowsAnotherNamespace(t *testing.T) {
	for _, install := range []string{"default", "default-with-tracker", "namespaced"} {
		t.Run(install, func(t *testing.T) {
			for _, object := range render(t, overlay(t, install, "namespace: elsewhere\n")) {
				if namespace := object.GetNamespace(); namespace != "" && namespace != "elsewhere" {
					t.Errorf("%s %s is in namespace %s", object.GetKind(), object.GetName(), namespace)
				}
				subjects, _, err := unstructured.NestedSlice(object.Object, "subjects")
				if err != nil {
					t.Fatal(err)
				}
				for _, subject := range subjects {
					if namespace := subject.(map[string]any)["namespace"]; namespace != "elsewhere" {
						t.Errorf("%s %s binds a ServiceAccount in %s", object.GetKind(), object.GetName(), namespace)
					}
				}
			}
		})
	}
}

func TestInstallTakesAnotherImage(t *testing.T) {
	const images = "images:\n- {name: ghcr.io/referral-operator/manager, newName: registry.internal/manager, newTag: v9}\n"
	for _, install := range []string{"default", "namespaced"} {
		t.Run(install, func(t *testing.T) {
			got := managerDeployment(t, render(t, overlay(t, install, images))).Spec.Template.Spec.Containers[0].Image
			if want := "registry.internal/manager:v9"; got != want {
				t.Errorf("the image is %s, want %s", got, want)
			}
		})
	}
}

// overlay writes a kustomization that builds on one of the installs, as a user would, and returns
// its directory. CONFIG in its settings stands for this directory.
func overlay(t *testing.T, install, settings string) string {
	t.Helper()
	base, err := filepath.Abs(install)
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	// kustomize takes no absolute path, and none through a symbolic link.
	resolved, err := filepath.EvalSymlinks(directory)
	if err != nil {
		t.Fatal(err)
	}
	if base, err = filepath.EvalSymlinks(base); err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(resolved, base)
	if err != nil {
		t.Fatal(err)
	}
	content := strings.ReplaceAll(settings, "CONFIG", filepath.Dir(relative)) + "resources:\n- " + relative + "\n"
	if err := os.WriteFile(filepath.Join(resolved, "kustomization.yaml"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return resolved
}

// roles are the Roles and ClusterRoles among the objects; the name says enough of them here.
func roles(t *testing.T, objects []*unstructured.Unstructured) []rbacv1.ClusterRole {
	t.Helper()
	var found []rbacv1.ClusterRole
	for _, object := range objects {
		if object.GetKind() != "Role" && object.GetKind() != "ClusterRole" {
			continue
		}
		var role rbacv1.ClusterRole
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &role); err != nil {
			t.Fatal(err)
		}
		found = append(found, role)
	}
	if len(found) == 0 {
		t.Fatal("there is no role")
	}
	return found
}
