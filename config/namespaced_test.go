package config_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// All steps of docs/install.md: a cluster administrator applies the kinds and gives a team a
// namespace; the team's administrator does the rest. The controller manager is there for what it
// does about it: it carries the right to the kinds into the role admin, and makes pods of the
// Deployment.
func TestNamespacedInstallNeedsOnlyANamespaceAdministrator(t *testing.T) {
	cluster := testworld.NewCluster(t, testworld.ControlPlaneOptions{ControllerManager: true})
	team := prepareNamespace(t, cluster)

	apply(t, team, "namespaced")

	t.Run("its pods are made", func(t *testing.T) { waitForPods(t, cluster, "growth", 2) })
	t.Run("the manager may do what it needs in its namespace and nothing elsewhere", func(t *testing.T) {
		manager := clientFor(t, signIn(t, cluster, "growth", serviceAccount))
		checkRights(t, manager, append(secretRights("growth", true), secretRights("payroll", false)...))
		checkRights(t, manager, secretRights("", false))
		checkRights(t, manager, []right{
			{verb: "watch", group: "referral-operator.io", resource: "referralcampaigns", namespace: "growth", allowed: true},
			{verb: "watch", group: "referral-operator.io", resource: "referralcampaigns"},
			{verb: "get", group: "referral-operator.io", resource: "rewardpolicies", namespace: "payroll"},
			{verb: "create", group: "events.k8s.io", resource: "events", namespace: "payroll"},
			{verb: "update", group: "coordination.k8s.io", resource: "leases", name: "referral-operator",
				namespace: "growth", allowed: true},
			{verb: "create", group: "authentication.k8s.io", resource: "tokenreviews"},
		})
		checkNoWildcard(t, manager, "growth")
	})
	t.Run("it is gone with what brought it", func(t *testing.T) {
		kubectl(t, team, "delete", "-k", "namespaced")
		waitForPods(t, cluster, "growth", 0)
	})
}

// prepareNamespace does what takes rights across the cluster, and returns the kubeconfig of a user
// who is administrator of the namespace growth and nothing else.
func prepareNamespace(t *testing.T, cluster *testworld.ControlPlane) (team string) {
	t.Helper()
	apply(t, cluster.Kubeconfig(), "crd")
	apply(t, cluster.Kubeconfig(), "access")
	kubectl(t, cluster.Kubeconfig(), "create", "namespace", "growth")
	kubectl(t, cluster.Kubeconfig(), "label", "namespace", "growth", "pod-security.kubernetes.io/enforce=restricted",
		"pod-security.kubernetes.io/warn=restricted")
	kubectl(t, cluster.Kubeconfig(), "create", "namespace", "payroll")
	kubectl(t, cluster.Kubeconfig(), "create", "rolebinding", "team", "--namespace", "growth", "--clusterrole", "admin",
		"--user", "team")
	config, err := cluster.ConfigFor("team")
	if err != nil {
		t.Fatal(err)
	}
	team = filepath.Join(t.TempDir(), "kubeconfig")
	if err := testworld.WriteKubeconfig(team, config); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the role admin to contain the kinds", func() error {
		if _, said, err := tryKubectl(t, team, "auth", "can-i", "patch", "referralcampaigns/status", "--namespace", "growth"); err != nil {
			return fmt.Errorf("%w: %s", err, said)
		}
		return nil
	})
	return team
}

func waitForPods(t *testing.T, cluster *testworld.ControlPlane, namespace string, want int) {
	t.Helper()
	client := clientFor(t, cluster.Config())
	eventually(t, fmt.Sprintf("%d pods in namespace %s", want, namespace), func() error {
		pods, err := client.CoreV1().Pods(namespace).List(t.Context(),
			metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=manager"})
		if err != nil {
			return err
		}
		if len(pods.Items) != want {
			return fmt.Errorf("there are %d", len(pods.Items))
		}
		return nil
	})
}

// eventually tries until there is no error, for as long as a slow and busy machine may take.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	const patience, pause = 2 * time.Minute, 200 * time.Millisecond
	for deadline := time.Now().Add(patience); ; time.Sleep(pause) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s in vain: %v", what, err)
		}
	}
}
