package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestManagerWaitsForEachCustomResourceDefinition(t *testing.T) {
	directory, err := testworld.CRDs()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var defined []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensions.CustomResourceDefinition
		if err := yaml.Unmarshal(data, &crd); err != nil {
			t.Fatal(err)
		}
		defined = append(defined, crd.Spec.Names.Kind)
	}
	slices.Sort(defined)
	if diff := cmp.Diff(defined, kinds); diff != "" {
		t.Errorf("the manager waits for other kinds (-defined +awaited):\n%s", diff)
	}
}
