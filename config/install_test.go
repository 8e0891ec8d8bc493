// Package config_test proves that what config/ installs works: on a real API server, without a
// warning, and that the manager needs no right but those it is given here.
//
// rendered_test.go reads what kustomize renders, apply_test.go applies it, rights_test.go asks the
// API server what the ServiceAccount may do, manager_test.go runs the manager with those rights and
// nothing else, tracker_test.go has the tracker beside it, and undeploy_test.go takes everything
// away again.
package config_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

const (
	systemNamespace = "referral-operator-system"
	serviceAccount  = "referral-operator"
	managerName     = "referral-operator-manager"
)

func TestMain(m *testing.M) { testworld.Main(m) }

// kubectl runs the real kubectl. What it prints to its standard error is returned apart from the
// rest: the API server's warnings are there.
func kubectl(t *testing.T, kubeconfig string, args ...string) (output, warnings string) {
	t.Helper()
	output, warnings, err := tryKubectl(t, kubeconfig, args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, warnings)
	}
	return output, warnings
}

func tryKubectl(t *testing.T, kubeconfig string, args ...string) (output, warnings string, err error) {
	t.Helper()
	program, err := binaries.ControlPlane(t.Context(), binaries.Kubectl)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// apply installs a kustomization the way the documentation says. A warning fails the test.
func apply(t *testing.T, kubeconfig, directory string) {
	t.Helper()
	_, warnings := kubectl(t, kubeconfig, "apply", "--server-side", "-k", directory)
	if warnings != "" {
		t.Errorf("applying %s warned:\n%s", directory, warnings)
	}
}

// rendered is what kustomizations were built to, by directory: many tests read the same ones.
var rendered = map[string]string{}

// render builds a kustomization with kubectl's own kustomize. A warning fails the test.
func render(t *testing.T, directory string) []*unstructured.Unstructured {
	t.Helper()
	if _, found := rendered[directory]; !found {
		output, warnings := kubectl(t, "", "kustomize", directory)
		if warnings != "" {
			t.Errorf("building %s warned:\n%s", directory, warnings)
		}
		rendered[directory] = output
	}
	return decode(t, strings.NewReader(rendered[directory]))
}

func decode(t *testing.T, manifests io.Reader) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(manifests, 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// managerDeployment is the Deployment that every install has.
func managerDeployment(t *testing.T, objects []*unstructured.Unstructured) *appsv1.Deployment {
	t.Helper()
	return findDeployment(t, objects, managerName)
}

func findDeployment(t *testing.T, objects []*unstructured.Unstructured, name string) *appsv1.Deployment {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() != "Deployment" || object.GetName() != name {
			continue
		}
		deployment := &appsv1.Deployment{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, deployment); err != nil {
			t.Fatal(err)
		}
		return deployment
	}
	t.Fatalf("there is no Deployment %s", name)
	return nil
}
