package config_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The steps of docs/install.md from first to last, through make. The controller manager creates
// pods that no kubelet runs; the manager that runs here stands in for them.
func TestUndeployLeavesOnlyWhatItLists(t *testing.T) {
	cluster := testworld.NewCluster(t, testworld.ControlPlaneOptions{ControllerManager: true})
	const image = "registry.internal/manager:v9"
	if said, err := runMake(t, cluster, "deploy", "IMG="+image); err != nil || strings.Contains(said, "Warning") {
		t.Fatalf("make deploy: %v\n%s", err, said)
	}
	deployed, _ := kubectl(t, cluster.Kubeconfig(), "get", "deployment", managerName, "--namespace", systemNamespace,
		"--output", "jsonpath={.spec.template.spec.containers[*].image}")
	if deployed != image {
		t.Errorf("make deploy IMG=%s deployed %s", image, deployed)
	}
	waitForPods(t, cluster, systemNamespace, 2)
	kubectl(t, cluster.Kubeconfig(), "create", "namespace", "growth")
	shop := newShop(t, cluster)
	manager := startManager(t, cluster, "default", systemNamespace)
	apply(t, cluster.Kubeconfig(), "samples")
	shop.sell(t)
	manager.checkStop(t)

	t.Run("without a manager it stops before it has removed what the finalizers need", func(t *testing.T) {
		said, err := runMake(t, cluster, "undeploy", "PATIENCE=3s")
		if err == nil || !strings.Contains(said, "still have finalizers") {
			t.Errorf("got error %v and\n%s", err, said)
		}
		kubectl(t, cluster.Kubeconfig(), "get", "attributiondatabase", "shop", "--namespace", "growth")
		kubectl(t, cluster.Kubeconfig(), "get", "deployment", managerName, "--namespace", systemNamespace)
	})
	t.Run("with one it removes everything it installed but the namespace", func(t *testing.T) {
		startManager(t, cluster, "default", systemNamespace)
		said, err := runMake(t, cluster, "undeploy")
		if err != nil {
			t.Fatalf("make undeploy: %v\n%s", err, said)
		}
		// The manager may have let the objects go before undeploying looked whose schemas they are.
		for _, left := range []string{"DROP SCHEMA ", "RoleBinding", "Secrets", "delete namespace " + systemNamespace} {
			if !strings.Contains(said, left) {
				t.Errorf("it does not say that %q is left:\n%s", left, said)
			}
		}
		waitForPods(t, cluster, systemNamespace, 0)
		checkOnlyTheNamespaceIsLeft(t, cluster)
	})
	t.Run("the namespace goes when that is requested", func(t *testing.T) {
		kubectl(t, cluster.Kubeconfig(), "delete", "namespace", systemNamespace)
	})
	t.Run("the credit stays", func(t *testing.T) { shop.checkLedger(t) })
	t.Run("another undeploy finds nothing to do", func(t *testing.T) {
		if said, err := runMake(t, cluster, "undeploy"); err != nil {
			t.Errorf("make undeploy: %v\n%s", err, said)
		}
	})
}

func checkOnlyTheNamespaceIsLeft(t *testing.T, cluster *testworld.ControlPlane) {
	t.Helper()
	for _, object := range render(t, "default") {
		resource := strings.ToLower(object.GetKind()) + "/" + object.GetName()
		arguments := []string{"get", resource, "--ignore-not-found", "--output", "name"}
		if object.GetNamespace() != "" {
			arguments = append(arguments, "--namespace", object.GetNamespace())
		}
		left, _ := kubectl(t, cluster.Kubeconfig(), arguments...)
		if isLeft := left != ""; isLeft != (object.GetKind() == "Namespace") {
			t.Errorf("left=%v for %s", isLeft, resource)
		}
	}
	kinds, _ := kubectl(t, cluster.Kubeconfig(), "api-resources", "--api-group", "referral-operator.io", "--output", "name")
	if kinds != "" {
		t.Errorf("the API server still serves\n%s", kinds)
	}
}

func runMake(t *testing.T, cluster *testworld.ControlPlane, arguments ...string) (said string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", append([]string{"--directory", "..", "KUBECTL=" + cluster.KubectlPath()}, arguments...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig())
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// checkLedger looks for ann's $5, and nothing else, among the entries.
func (s *shop) checkLedger(t *testing.T) {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), s.database.WriterURI)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	var entries string
	err = connection.QueryRow(t.Context(),
		"SELECT string_agg(concat_ws(' ', beneficiary_id, kind, amount, currency), ', ') FROM referral.ledger").Scan(&entries)
	if err != nil {
		t.Fatal(err)
	}
	if want := "ann Grant 500 USD"; entries != want {
		t.Errorf("the ledger has %q, want %q", entries, want)
	}
}
