package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestViolations(t *testing.T) {
	rules, err := parse(`
		internal/postgres : ! k8s.io            # a comment
		internal/database : internal/postgres ! k8s.io
		controllers       : internal/...
		internal/gone     :
	`)
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{
		module + "/internal/postgres": {"fmt", "k8s.io/api/core"},
		module + "/internal/database": {module + "/internal/postgres", module + "/internal/reward", "k8s.iota"},
		module + "/internal/reward":   {"fmt"},
		module + "/controllers":       {module + "/internal/database"},
	}
	want := []string{
		"internal/database must not compile internal/reward: internal/database → internal/reward",
		"internal/database must not compile k8s.io/api/core: internal/database → internal/postgres → k8s.io/api/core",
		"internal/gone in hack/imports.txt matches no package",
		"internal/postgres must not compile k8s.io/api/core: internal/postgres → k8s.io/api/core",
		"internal/reward has no line in hack/imports.txt",
	}
	if diff := cmp.Diff(want, violations(rules, imports)); diff != "" {
		t.Error(diff)
	}
}
