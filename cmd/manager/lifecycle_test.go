package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestManagerWithoutAPIServerIsAliveAndNotReady(t *testing.T) {
	p := start(t, &rest.Config{Host: "https://" + freeAddress(t)})
	p.awaitProbe("/healthz", 200)
	p.awaitLog("Waiting for the API server")
	if status := p.probe("/readyz"); status != 503 {
		t.Errorf("/readyz answers %d", status)
	}
	p.stops()
}

func TestManagerWaitsForTheCustomResourceDefinitions(t *testing.T) {
	cluster := testworld.NewCluster(t, testworld.ControlPlaneOptions{})
	p := start(t, cluster.Config())
	p.awaitLog("apply config/crd")
	crds, err := testworld.CRDs()
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.InstallCRDs(crds); err != nil {
		t.Fatal(err)
	}
	p.awaitProbe("/readyz", 200)
	p.stops()
}

func TestAddressInUseEndsTheProcessAndNamesTheFlag(t *testing.T) {
	cluster := testworld.Cluster(t)
	first := start(t, cluster.Config())
	first.awaitProbe("/healthz", 200)
	second := start(t, cluster.Config(), "--health-probe-bind-address", first.probes)
	code, err := second.Wait(t.Context())
	if err != nil || code != 1 || !strings.Contains(second.Log(), "--health-probe-bind-address") {
		t.Errorf("exit status %d, %v", code, err)
	}
}

// The next leader does not have to wait for the lease to expire.
func TestSIGTERMReleasesTheLease(t *testing.T) {
	s := newShop(t, testworld.Cluster(t))
	p := start(t, s.cluster.Config(),
		"--leader-elect", "--leader-election-namespace", s.namespace, "--watch-namespaces", s.namespace)
	s.awaitReady()
	s.sell("bob")
	eventually(t, "granted", func() bool { return s.granted() == 1 })
	const holder = "jsonpath={.spec.holderIdentity}"
	if s.kubectl("", "get", "lease", "referral-operator", "-o", holder) == "" {
		t.Error("the lease has no holder")
	}
	p.stops()
	if holds := s.kubectl("", "get", "lease", "referral-operator", "-o", holder); holds != "" {
		t.Errorf("%s still holds the lease", holds)
	}
}

func TestSecondSignalEndsTheProcessAtOnce(t *testing.T) {
	s := newShop(t, testworld.Cluster(t))
	p := start(t, s.cluster.Config(), "--watch-namespaces", s.namespace)
	s.awaitReady()
	for range 2 {
		if err := p.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// Two replicas share the work; which of them is the leader makes no difference to credits.
func TestReplicaThatIsNotLeaderDecidesToo(t *testing.T) {
	s := newShop(t, testworld.Cluster(t))
	replica := func() *program {
		return start(t, s.cluster.Config(),
			"--leader-elect", "--leader-election-namespace", s.namespace, "--watch-namespaces", s.namespace)
	}
	leader := replica()
	s.awaitReady()
	follower := replica()
	follower.awaitLog("Engine started")
	// The leader is gone, and its lease has not expired.
	if err := leader.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.sell("bob")
	eventually(t, "granted", func() bool { return s.entries() == 1 })
	if err := leader.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	leader.stops()
	eventually(t, "reported by the next leader", func() bool { return s.granted() == 1 })
	follower.stops()
}

// client-go logs the bodies of requests and answers at verbosity 8 and above.
func TestNoLogLevelShowsASecret(t *testing.T) {
	s := newShop(t, testworld.Cluster(t))
	p := start(t, s.cluster.Config(), "--watch-namespaces", s.namespace, "--zap-log-level=10")
	s.awaitReady()
	p.awaitLog("Level(-4)") // it is verbose
	p.stops()
	for what, secret := range map[string]string{
		"the password":          s.password(),
		"the password, encoded": base64.StdEncoding.EncodeToString([]byte(s.password())),
		"the URI, encoded":      base64.StdEncoding.EncodeToString([]byte(s.own.URI)),
		"a body":                `body"`,
		"a body in hexadecimal": "00000000  ",
		"headers":               "headers",
	} {
		if strings.Contains(strings.ToLower(p.Log()), strings.ToLower(secret)) {
			t.Errorf("%s is in the log", what)
		}
	}
}

func newClusterWithKinds(t testing.TB) *testworld.ControlPlane {
	t.Helper()
	crds, err := testworld.CRDs()
	if err != nil {
		t.Fatal(err)
	}
	return testworld.NewCluster(t, testworld.ControlPlaneOptions{CRDs: []string{crds}})
}

func TestCreditsGoOnWhileTheAPIServerIsAway(t *testing.T) {
	cluster := newClusterWithKinds(t)
	s := newShop(t, cluster)
	p := start(t, cluster.Config(), "--leader-elect", "--leader-election-namespace", s.namespace)
	s.awaitReady()
	s.sell("bob")
	eventually(t, "granted", func() bool { return s.granted() == 1 })

	if err := cluster.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	p.awaitLog("leader election lost")
	for n := range 5 {
		s.sell(fmt.Sprintf("friend-%d", n))
	}
	eventually(t, "granted without an API server", func() bool { return s.entries() == 6 })
	p.awaitLog("Waiting for the API server")
	if status := p.probe("/healthz"); status != 200 {
		t.Errorf("/healthz answers %d", status)
	}
	if status := p.probe("/readyz"); status != 200 {
		t.Errorf("/readyz answers %d", status)
	}

	if err := cluster.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "status has caught up", func() bool { return s.granted() == 6 })
	if !p.Running() {
		t.Error("the process has ended")
	}
	if restarts := strings.Count(p.Log(), `"Connected to the database"`); restarts != 1 {
		t.Errorf("connected %d times", restarts)
	}
	p.stops()
	if strings.Contains(p.Log(), s.password()) {
		t.Error("the password is in the log")
	}
}
