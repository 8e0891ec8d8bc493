package binaries

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func program(t *testing.T, dir, name, script string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKubebuilderAssetsTakePrecedence(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("KUBEBUILDER_ASSETS", dir)
	want := program(t, dir, Etcd, "")
	got, err := ControlPlane(t.Context(), Etcd)
	if err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if _, err := ControlPlane(t.Context(), Kubectl); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a program that is missing there: %v; want an error that names %s", err, dir)
	}
}

func TestMovedProgramsAreLinkedAgain(t *testing.T) {
	for range 2 {
		assets, links := t.TempDir(), filepath.Join(t.TempDir(), "bin", "k8s")
		t.Setenv("KUBEBUILDER_ASSETS", assets)
		for _, name := range []string{APIServer, Etcd, Kubectl} {
			program(t, assets, name, "")
		}
		if err := LinkControlPlane(t.Context(), links); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{APIServer, Etcd, Kubectl} {
			if target, err := os.Readlink(filepath.Join(links, name)); err != nil || filepath.Dir(target) != assets {
				t.Errorf("%s links to %q, %v", name, target, err)
			}
		}
	}
}

func TestPinnedVersionsComeFromTheModule(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    pinned
		ok      bool
	}{
		"direct":   {"require (\n\tgo.etcd.io/etcd/server/v3 v3.7.3\n\tk8s.io/kubernetes v1.37.2\n)", pinned{"", "v1.37.2", "v3.7.3"}, true},
		"indirect": {"require (\n\tgo.etcd.io/etcd/server/v3 v3.7.3 // indirect\n\tk8s.io/kubernetes v1.37.2 // indirect\n)", pinned{"", "v1.37.2", "v3.7.3"}, true},
		"one line": {"require k8s.io/kubernetes v1.37.2\nrequire go.etcd.io/etcd/server/v3 v3.7.3\n", pinned{"", "v1.37.2", "v3.7.3"}, true},
		"missing":  {"require k8s.io/kubernetes v1.37.2\n", pinned{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			file := filepath.Join(root, pins)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := readPins(root)
			if (err == nil) != c.ok {
				t.Fatal(err)
			}
			got.root = ""
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(pinned{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMinorOfKeepsMajorAndMinor(t *testing.T) {
	for version, want := range map[string]string{"v1.37.2": "1.37", "1.38.0-rc.1": "1.38", "v2": "2"} {
		if got := minorOf(version); got != want {
			t.Errorf("minorOf(%q) = %q, want %q", version, got, want)
		}
	}
}
