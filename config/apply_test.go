package config_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The subtests share a control plane, since one takes long to start. Each takes away what the next
// must not find.
func TestClusterInstall(t *testing.T) {
	cluster := testworld.NewCluster(t, testworld.ControlPlaneOptions{})
	apply(t, cluster.Kubeconfig(), "default")
	for _, namespace := range []string{"growth", "payroll"} {
		kubectl(t, cluster.Kubeconfig(), "create", "namespace", namespace)
	}
	t.Run("applies", func(t *testing.T) { testClusterInstallApplies(t, cluster) })
	t.Run("grants exactly the rights it needs", func(t *testing.T) { testRightsOfTheClusterInstall(t, cluster) })
	t.Run("its manager needs only its own rights", func(t *testing.T) { testManagerOfTheClusterInstall(t, cluster) })
	t.Run("the tracker applies on top of it", func(t *testing.T) { testInstallWithTracker(t, cluster) })
}

func testClusterInstallApplies(t *testing.T, cluster *testworld.ControlPlane) {
	t.Helper()
	t.Run("a second time it changes nothing", func(t *testing.T) {
		kubectl(t, cluster.Kubeconfig(), "wait", "--for=condition=Established", "crd",
			"--selector", "app.kubernetes.io/part-of=referral-operator")
		before := versions(t, cluster, "default")
		apply(t, cluster.Kubeconfig(), "default")
		if diff := cmp.Diff(before, versions(t, cluster, "default")); diff != "" {
			t.Errorf("versions of what was installed (-first +second):\n%s", diff)
		}
	})
	t.Run("its namespace lets the manager's pods in without a warning", func(t *testing.T) {
		if warnings, err := admit(t, cluster, func(*corev1.PodSpec) {}); err != nil || warnings != "" {
			t.Errorf("the pod got error %v and warnings %q, want neither", err, warnings)
		}
	})
	t.Run("its namespace refuses a pod that is less restricted", func(t *testing.T) {
		loosen := map[string]func(*corev1.PodSpec){
			"as root":             func(pod *corev1.PodSpec) { pod.SecurityContext.RunAsNonRoot = nil },
			"without seccomp":     func(pod *corev1.PodSpec) { pod.SecurityContext.SeccompProfile = nil },
			"with capabilities":   func(pod *corev1.PodSpec) { pod.Containers[0].SecurityContext.Capabilities = nil },
			"with more privilege": func(pod *corev1.PodSpec) { pod.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil },
		}
		for name, change := range loosen {
			if _, err := admit(t, cluster, change); err == nil {
				t.Errorf("a pod %s was let in", name)
			}
		}
	})
	t.Run("the samples apply on top of it", func(t *testing.T) {
		apply(t, cluster.Kubeconfig(), "samples")
		kubectl(t, cluster.Kubeconfig(), "delete", "-k", "samples")
	})
}

// versions are the resource versions of everything an install has, by kind and name.
func versions(t *testing.T, cluster *testworld.ControlPlane, install string) map[string]string {
	t.Helper()
	found := map[string]string{}
	output, _ := kubectl(t, cluster.Kubeconfig(), "get", "-k", install, "--output", "json")
	for _, list := range decode(t, bytes.NewBufferString(output)) {
		err := list.EachListItem(func(item runtime.Object) error {
			object, ok := item.(*unstructured.Unstructured)
			if !ok {
				return fmt.Errorf("an item is a %T", item)
			}
			found[object.GetKind()+" "+object.GetName()] = object.GetResourceVersion()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) != len(render(t, install)) {
		t.Errorf("found %d objects of %d", len(found), len(render(t, install)))
	}
	return found
}

// admit asks the API server, as a dry run, for a pod as the Deployment would make it, changed by
// change.
func admit(t *testing.T, cluster *testworld.ControlPlane, change func(*corev1.PodSpec)) (warnings string, err error) {
	t.Helper()
	return admitPod(t, cluster, managerDeployment(t, render(t, "default")).Spec.Template, change)
}

func admitPod(
	t *testing.T, cluster *testworld.ControlPlane, template corev1.PodTemplateSpec, change func(*corev1.PodSpec),
) (warnings string, err error) {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.GenerateName = "any-"
	change(&pod.Spec)

	var said bytes.Buffer
	config := cluster.Config()
	config.WarningHandler = rest.NewWarningWriter(&said, rest.WarningWriterOptions{})
	_, err = clientFor(t, config).CoreV1().Pods(systemNamespace).Create(t.Context(), pod,
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return said.String(), err
}
