package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestMetricsAnswerClientsByTheirRights(t *testing.T) {
	cluster := testworld.Cluster(t)
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
	allowed, stranger := kubectl("", "create", "token", "allowed"), kubectl("", "create", "token", "stranger")

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
	client, err := rest.HTTPClientFor(kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	filter, err := requireAccess(kubernetes, client)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := filter(logr.Discard(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	if header != "" {
		request.Header.Set("Authorization", header)
	}
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	return response.Code
}
