package view

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write testdata/*.txt and *.md anew")

// now is the time of all golden output.
var now = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// object is the API object in a file of testdata.
func object[T any](t *testing.T, path string) *T {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	into := new(T)
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return into
}

// each runs a test for each YAML file of a directory of testdata. The result is compared with the
// file of the same name and the extension.
func each(t *testing.T, directory, extension string, render func(t *testing.T, path string) string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", directory, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			golden(t, strings.TrimSuffix(path, ".yaml")+extension, render(t, path))
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./view -update writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
	for line := range strings.Lines(got) {
		if n := widthOf(strings.TrimSuffix(line, "\n")); n > Width && !strings.HasSuffix(path, ".md") {
			t.Errorf("a line has %d columns: %s", n, line)
		}
	}
}

// What the pages show is what the commands print.
func TestPagesShowRecordedOutput(t *testing.T) {
	for page, outputs := range map[string][]string{
		"README.md":                  {"campaign/healthy", "review/below-minimum"},
		"docs/where-is-my-reward.md": {"review/below-minimum", "review/granted", "review/referrer"},
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, output := range outputs {
			want, err := os.ReadFile(filepath.Join("testdata", output+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), string(want)) {
				t.Errorf("%s does not show testdata/%s.txt", page, output)
			}
		}
	}
}
