package config_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// installed is a manager that runs as one of the installs would run it.
type installed struct {
	*testworld.Process
	cluster        *testworld.ControlPlane
	namespace      string
	metricsAddress string
	grace          time.Duration
}

// startManager runs the manager with what the Deployment of an install says, its addresses moved to
// free ports of loopback.
func startManager(t *testing.T, cluster *testworld.ControlPlane, install, namespace string) *installed {
	t.Helper()
	pod := managerDeployment(t, render(t, install)).Spec.Template.Spec
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	err := testworld.WriteKubeconfig(kubeconfig, signIn(t, cluster, namespace, pod.ServiceAccountName))
	if err != nil {
		t.Fatal(err)
	}
	metrics, probes := freeAddress(t), freeAddress(t)
	environment := podEnvironment(t, pod, namespace)
	arguments := []string{
		"--kubeconfig=" + kubeconfig,
		"--leader-election-namespace=" + namespace, // a pod finds it in a file
		"--status-interval=1s",                     // shorter than the default of 15s
	}
	for _, argument := range pod.Containers[0].Args {
		name, _, _ := strings.Cut(argument, "=")
		switch name {
		case "--metrics-bind-address":
			argument = name + "=" + metrics
		case "--health-probe-bind-address":
			argument = name + "=" + probes
		}
		arguments = append(arguments, expand(argument, environment))
	}
	options := testworld.ProcessOptions{Path: testworld.BuildManager(t), Args: arguments}
	for name, value := range environment {
		options.Env = append(options.Env, name+"="+value)
	}
	manager := &installed{
		Process: testworld.Run(t, options), cluster: cluster, namespace: namespace, metricsAddress: metrics,
		grace: time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second,
	}
	for _, probe := range []*corev1.Probe{pod.Containers[0].LivenessProbe, pod.Containers[0].ReadinessProbe} {
		eventually(t, "the answer of "+probe.HTTPGet.Path, func() error {
			status, body, err := get(t.Context(), "http://"+probes+probe.HTTPGet.Path, "")
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("status %d: %s", status, body)
			}
			return err
		})
	}
	return manager
}

// podEnvironment is what the kubelet would make of the container's environment.
func podEnvironment(t *testing.T, pod corev1.PodSpec, namespace string) map[string]string {
	t.Helper()
	fields := map[string]string{
		"metadata.namespace": namespace, "metadata.name": managerName + "-0",
	}
	environment := map[string]string{}
	for _, variable := range pod.Containers[0].Env {
		value := expand(variable.Value, environment)
		switch from := variable.ValueFrom; {
		case from != nil && from.FieldRef != nil:
			value = fields[from.FieldRef.FieldPath]
		case from != nil && from.ResourceFieldRef != nil && from.ResourceFieldRef.Resource == "limits.memory":
			limit, divisor := pod.Containers[0].Resources.Limits.Memory(), from.ResourceFieldRef.Divisor
			value = fmt.Sprint((limit.Value() + divisor.Value() - 1) / divisor.Value())
		}
		if value == "" {
			t.Errorf("the variable %s of the container has no value", variable.Name)
		}
		environment[variable.Name] = value
	}
	return environment
}

// expand replaces $(NAME) as the kubelet does.
func expand(text string, environment map[string]string) string {
	for name, value := range environment {
		text = strings.ReplaceAll(text, "$("+name+")", value)
	}
	return text
}

// checkElected looks for the lease, and for what was written about it.
func (m *installed) checkElected(t *testing.T) {
	t.Helper()
	holder, _ := kubectl(t, m.cluster.Kubeconfig(), "get", "lease", "referral-operator", "--namespace", m.namespace,
		"--output", "jsonpath={.spec.holderIdentity}")
	if holder == "" {
		t.Error("the lease has no holder")
	}
	eventually(t, "the event of the election", func() error {
		events, _ := kubectl(t, m.cluster.Kubeconfig(), "get", "events", "--namespace", m.namespace)
		if !strings.Contains(events, "became leader") {
			return fmt.Errorf("there are these:\n%s", events)
		}
		return nil
	})
}

// checkNothingElseWasForbidden fails for anything the API server refused, apart from the one Secret
// of the story.
func (m *installed) checkNothingElseWasForbidden(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(m.Log()) {
		if strings.Contains(strings.ToLower(line), "forbidden") && !strings.Contains(line, "shop-db") {
			t.Errorf("the manager was refused something:\n%s", line)
		}
	}
}

func (m *installed) checkStop(t *testing.T) {
	t.Helper()
	if err := m.Stop(m.grace); err != nil {
		t.Errorf("the pod's grace period is too short: %v", err)
	}
	if code, err := m.Wait(t.Context()); code != 0 || err != nil {
		t.Errorf("the manager ended with code %d, error %v", code, err)
	}
}

func (m *installed) scrape(t *testing.T, scheme, token string) (status int, body string) {
	t.Helper()
	status, body, err := get(t.Context(), scheme+"://"+m.metricsAddress+"/metrics", token)
	if err != nil {
		t.Fatal(err)
	}
	return status, body
}
