package config_test

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The manager runs as its pod would: with the arguments and environment of the Deployment, and with
// a token of its ServiceAccount as its only way to the API server.
func testManagerOfTheClusterInstall(t *testing.T, cluster *testworld.ControlPlane) {
	t.Helper()
	shop := newShop(t, cluster)
	manager := startManager(t, cluster, "default", systemNamespace)

	t.Run("without the right to the Secret the database says how to give it", func(t *testing.T) {
		applyProgram(t, cluster)
		waitForReason(t, cluster, "attributiondatabase/shop", "SecretForbidden")
		runInShell(t, cluster, cure(t, cluster))
	})
	t.Run("with it a purchase becomes a credit", func(t *testing.T) { shop.sell(t) })
	t.Run("a scraper of its metrics is authenticated and authorised", func(t *testing.T) {
		checkGuardedMetrics(t, cluster, manager)
	})
	manager.checkElected(t)
	manager.checkNothingElseWasForbidden(t)
	manager.checkStop(t)
}

// The subtests share a control plane, since one takes long to start. The first takes away what it has
// installed.
func TestManagerOfTheNamespacedInstall(t *testing.T) {
	cluster := testworld.NewCluster(t, testworld.ControlPlaneOptions{})
	apply(t, cluster.Kubeconfig(), "crd")
	kubectl(t, cluster.Kubeconfig(), "create", "namespace", "growth")
	t.Run("needs only Roles", func(t *testing.T) { testManagerNeedsOnlyRoles(t, cluster) })
	t.Run("says without Secrets how to grant them", func(t *testing.T) { testManagerWithoutSecrets(t, cluster) })
}

func testManagerNeedsOnlyRoles(t *testing.T, cluster *testworld.ControlPlane) {
	t.Helper()
	apply(t, cluster.Kubeconfig(), "namespaced")
	shop := newShop(t, cluster)
	manager := startManager(t, cluster, "namespaced", "growth")

	applyProgram(t, cluster)
	t.Run("a purchase becomes a credit", func(t *testing.T) { shop.sell(t) })
	t.Run("its metrics are in the clear and on loopback", func(t *testing.T) {
		if status, body := manager.scrape(t, "http", ""); status != http.StatusOK || !strings.Contains(body, "controller_runtime") {
			t.Errorf("got status %d and %d bytes", status, len(body))
		}
	})
	manager.checkElected(t)
	t.Run("its objects go, and then the install", func(t *testing.T) {
		kubectl(t, cluster.Kubeconfig(), "delete", "rewardplans,referralcampaigns,rewardpolicies,attributiondatabases", "--all",
			"--namespace", "growth", "--timeout", "2m")
		manager.checkNothingElseWasForbidden(t)
		manager.checkStop(t)
		kubectl(t, cluster.Kubeconfig(), "delete", "-k", "namespaced")
		kubectl(t, cluster.Kubeconfig(), "delete", "secret", "shop-db", "--namespace", "growth")
		shop.checkLedger(t)
	})
}

// The line is the same as in the cluster install: it binds a ClusterRole that was applied when the
// cluster was prepared.
func testManagerWithoutSecrets(t *testing.T, cluster *testworld.ControlPlane) {
	t.Helper()
	apply(t, cluster.Kubeconfig(), "access")
	apply(t, cluster.Kubeconfig(), "namespaced")
	kubectl(t, cluster.Kubeconfig(), "delete", "rolebinding", "referral-operator-own-secret-reader", "--namespace", "growth")
	newShop(t, cluster)
	startManager(t, cluster, "namespaced", "growth")

	applyProgram(t, cluster)
	waitForReason(t, cluster, "attributiondatabase/shop", "SecretForbidden")
	runInShell(t, cluster, cure(t, cluster))
	waitForReason(t, cluster, "attributiondatabase/shop", "Ready")
}

func checkGuardedMetrics(t *testing.T, cluster *testworld.ControlPlane, manager *installed) {
	t.Helper()
	for _, name := range []string{"prometheus", "stranger"} {
		kubectl(t, cluster.Kubeconfig(), "create", "serviceaccount", name, "--namespace", "growth")
	}
	kubectl(t, cluster.Kubeconfig(), "create", "clusterrolebinding", "prometheus",
		"--clusterrole", "referral-operator-metrics-reader", "--serviceaccount", "growth:prometheus")
	for name, want := range map[string]struct {
		token  string
		status int
	}{
		"no token":   {"", http.StatusUnauthorized},
		"stranger":   {signIn(t, cluster, "growth", "stranger").BearerToken, http.StatusForbidden},
		"prometheus": {signIn(t, cluster, "growth", "prometheus").BearerToken, http.StatusOK},
	} {
		if status, body := manager.scrape(t, "https", want.token); status != want.status {
			t.Errorf("%s gets status %d, want %d: %.200s", name, status, want.status, body)
		}
	}
}

// get asks over HTTP. The metrics' certificate is self-signed, made at each start.
func get(ctx context.Context, url, token string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}
