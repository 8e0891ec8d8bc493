package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"k8s.io/client-go/rest"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// readers creates two accounts, and returns their tokens: of one that may read metrics, and of one
// that may not.
func readers(t *testing.T, cluster *testworld.ControlPlane) (allowed, stranger string) {
	t.Helper()
	namespace := testworld.NewNamespace(t, cluster)
	kubectl := func(input string, arguments ...string) string {
		t.Helper()
		output, err := cluster.Kubectl(t.Context(), input, append([]string{"--namespace", namespace}, arguments...)...)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(output)
	}
	kubectl(fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: metrics-of-%[1]s}
rules: [{nonResourceURLs: [/metrics], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: metrics-of-%[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: metrics-of-%[1]s}
subjects: [{kind: ServiceAccount, name: allowed, namespace: %[1]s}]
`, namespace), "apply", "-f", "-")
	for _, account := range []string{"allowed", "stranger"} {
		kubectl("", "create", "serviceaccount", account)
	}
	return kubectl("", "create", "token", "allowed"), kubectl("", "create", "token", "stranger")
}

func TestMetricsAnswerClientsByTheirRights(t *testing.T) {
	cluster := testworld.Cluster(t)
	allowed, stranger := readers(t, cluster)
	for name, test := range map[string]struct {
		header string
		want   int
	}{
		"no token":                {"", http.StatusUnauthorized},
		"an empty token":          {"Bearer ", http.StatusUnauthorized},
		"a token that is none":    {"Bearer nonsense", http.StatusUnauthorized},
		"a token cut short":       {"Bearer " + allowed[:len(allowed)-4], http.StatusUnauthorized},
		"another scheme":          {"Basic dXNlcjpwYXNzd29yZA==", http.StatusUnauthorized},
		"a token without a right": {"Bearer " + stranger, http.StatusForbidden},
		"a token with the right":  {"bearer " + allowed, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second answer may be from a cache
				if got := answer(t, cluster.Config(), test.header); got != test.want {
					t.Errorf("answered %d, want %d", got, test.want)
				}
			}
		})
	}

	away := rest.CopyConfig(cluster.Config())
	away.Host = "https://" + freeAddress(t)
	if got := answer(t, away, "Bearer "+allowed); got != http.StatusServiceUnavailable {
		t.Errorf("without an API server: answered %d", got)
	}
}

// answer is the status that a client with this header gets.
func answer(t *testing.T, kubernetes *rest.Config, header string) int {
	t.Helper()
	access, err := newAccess(kubernetes, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	handler := access.require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	if header != "" {
		request.Header.Set("Authorization", header)
	}
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	return response.Code
}

// reply is what a client of the metrics gets, and from a server with which certificate.
type reply struct {
	status      int
	certificate *x509.Certificate
}

// serveMetrics runs a server of metrics until the test ends. ask is what a client with a token is
// answered, over a connection of its own; inRequests is how many clients are in requests.
func serveMetrics(t *testing.T, kubernetes *rest.Config, certificates string) (
	ask func(token string) (reply, error), inRequests *atomic.Int64,
) {
	t.Helper()
	options := options{metricsAddress: freeAddress(t), metricsSecure: true, metricsCertPath: certificates}
	s, err := newMetricsServer(options, kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	inRequests = new(atomic.Int64)
	answer := s.handler
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inRequests.Add(1)
		defer inRequests.Add(-1)
		answer.ServeHTTP(w, r)
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	ask = func(token string) (reply, error) {
		client := http.Client{Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // made for this test
		}}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+options.metricsAddress+"/metrics", nil)
		if err != nil {
			return reply{}, err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := client.Do(request)
		if err != nil {
			return reply{}, err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return reply{response.StatusCode, response.TLS.PeerCertificates[0]}, err
	}
	eventually(t, "listening", func() bool { _, err := ask(""); return err == nil })
	return ask, inRequests
}

func TestKnownClientIsAnsweredWhileTheAPIServerHangs(t *testing.T) {
	cluster := testworld.Cluster(t)
	allowed, _ := readers(t, cluster)
	proxy := testworld.NewProxy(t, strings.TrimPrefix(cluster.Config().Host, "https://"))
	hanging := rest.CopyConfig(cluster.Config())
	hanging.Host = "https://" + proxy.Address()
	ask, inRequests := serveMetrics(t, hanging, "")
	if got, err := ask(allowed); err != nil || got.status != http.StatusOK {
		t.Fatalf("before: %d, %v", got.status, err)
	}
	proxy.Swallow()
	const clients = serverConnections + 10
	var answered atomic.Int64
	for i := range clients {
		go func() {
			_, _ = ask(fmt.Sprint("made-up-", i%(clients/2)))
			answered.Add(1)
		}()
	}
	eventually(t, "answered or in requests", func() bool { return inRequests.Load()+answered.Load() == clients })
	if got, err := ask(allowed); err != nil || got.status != http.StatusOK {
		t.Errorf("while the API server hangs: %d, %v", got.status, err)
	}
}

func TestMetricsServerUsesTheCertificateInItsDirectory(t *testing.T) {
	authority, err := testworld.NewAuthority("metrics")
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	write := func(host string) {
		pair, err := authority.Server(host)
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{"tls.crt": pair.Certificate, "tls.key": pair.Key} {
			if err := os.WriteFile(filepath.Join(directory, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	nowhere := &rest.Config{Host: "https://" + freeAddress(t)}
	if _, err := newMetricsServer(options{metricsAddress: ":0", metricsSecure: true, metricsCertPath: directory}, nowhere); err == nil ||
		!strings.Contains(err.Error(), "--metrics-cert-path") {
		t.Errorf("without files: %v", err)
	}
	write("first.example.com")
	ask, _ := serveMetrics(t, nowhere, directory)
	serves := func(host string) func() bool {
		return func() bool {
			got, err := ask("")
			return err == nil && got.certificate.VerifyHostname(host) == nil
		}
	}
	if !serves("first.example.com")() {
		t.Error("it serves another certificate")
	}
	write("second.example.com")
	eventually(t, "the renewed certificate is served", serves("second.example.com"))
}

func TestRefusedClientsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		log := funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{})
		var refused atomic.Uint64
		ctx, cancel := context.WithCancel(t.Context())
		go reportRefusals(ctx, log, refused.Load)
		refused.Add(3)
		time.Sleep(3 * refusalInterval)
		refused.Add(2)
		time.Sleep(2 * refusalInterval)
		cancel()
		synctest.Wait()
		if len(lines) != 2 || !strings.Contains(lines[0], `"clients"=3`) || !strings.Contains(lines[1], `"clients"=2`) {
			t.Errorf("%q", lines)
		}
	})
}
