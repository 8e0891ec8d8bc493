package config_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The tracker runs as its pod would: with the arguments and environment of the Deployment, its
// addresses moved to free ports of loopback and its Secret to a directory. No database is there,
// and it is ready all the same.
func TestTrackerRunsAsItsPodSays(t *testing.T) {
	objects := render(t, "default-with-tracker")
	pod := findDeployment(t, objects, trackerName).Spec.Template.Spec
	container := pod.Containers[0]
	secrets := t.TempDir()
	for name, content := range map[string]string{
		"keys": strings.Repeat("1f", 32) + "\n", "tokens": "shop: " + strings.Repeat("t", 40) + "\n",
	} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environment := trackerEnvironment(t, objects, container)
	visitors, ops := freeAddress(t), freeAddress(t)
	var arguments []string
	for _, argument := range container.Args {
		argument = strings.ReplaceAll(expand(argument, environment), container.VolumeMounts[0].MountPath, secrets)
		switch name, _, _ := strings.Cut(argument, "="); name {
		case "--listen":
			argument = name + "=" + visitors
		case "--ops-listen":
			argument = name + "=" + ops
		case "--drain-delay":
			argument = name + "=0s" // no client sends requests here
		}
		arguments = append(arguments, argument)
	}
	options := testworld.ProcessOptions{Path: testworld.BuildTracker(t), Args: arguments}
	for name, value := range environment {
		options.Env = append(options.Env, name+"="+value)
	}
	tracker := testworld.Run(t, options)
	for _, probe := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
		eventually(t, "the answer of "+probe.HTTPGet.Path, func() error {
			status, body, err := get(t.Context(), "http://"+ops+probe.HTTPGet.Path, "")
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("status %d: %s", status, body)
			}
			return err
		})
	}
	for path, want := range map[string]int{"/openapi.json": http.StatusOK, "/metrics": http.StatusNotFound, "/readyz": http.StatusNotFound} {
		if status, _, err := get(t.Context(), "http://"+visitors+path, ""); status != want || err != nil {
			t.Errorf("to visitors %s answers %d, %v; want %d", path, status, err, want)
		}
	}
	if strings.Contains(tracker.Log(), "No --") {
		t.Errorf("it found no keys or no tokens:\n%s", tracker.Log())
	}
	if err := tracker.Stop(time.Minute); err != nil {
		t.Error(err)
	}
	if code, err := tracker.Wait(t.Context()); code != 0 || err != nil {
		t.Errorf("it ended with code %d, error %v", code, err)
	}
}

// The kubelet kills a pod that takes longer to end than it says.
func TestTrackerPodHasTimeToEnd(t *testing.T) {
	pod := findDeployment(t, render(t, "default-with-tracker"), trackerName).Spec.Template.Spec
	var needs time.Duration
	for _, argument := range pod.Containers[0].Args {
		name, value, _ := strings.Cut(argument, "=")
		if name != "--drain-delay" && name != "--drain-timeout" {
			continue
		}
		duration, err := time.ParseDuration(value)
		if err != nil {
			t.Fatal(err)
		}
		needs += duration
	}
	if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; needs == 0 || grace <= needs {
		t.Errorf("it may take %s to end, and gets %s", needs, grace)
	}
}

// trackerEnvironment is what the kubelet would make of the container's environment, with a database
// that is not there.
func trackerEnvironment(t *testing.T, objects []*unstructured.Unstructured, container corev1.Container) map[string]string {
	t.Helper()
	environment := map[string]string{}
	for _, from := range container.EnvFrom {
		for _, object := range objects {
			if object.GetKind() != "ConfigMap" || object.GetName() != from.ConfigMapRef.Name {
				continue
			}
			data, _, err := unstructured.NestedStringMap(object.Object, "data")
			if err != nil {
				t.Fatal(err)
			}
			maps.Copy(environment, data)
		}
	}
	for _, variable := range container.Env {
		value := expand(variable.Value, environment)
		switch from := variable.ValueFrom; {
		case from != nil && from.SecretKeyRef != nil:
			value = "postgresql://shop:hush@127.0.0.1:1/shop"
		case from != nil && from.ResourceFieldRef != nil:
			limit, divisor := container.Resources.Limits.Memory(), from.ResourceFieldRef.Divisor
			value = fmt.Sprint((limit.Value() + divisor.Value() - 1) / divisor.Value())
		}
		environment[variable.Name] = value
	}
	return environment
}
