package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDeadLinksAreFoundAndLiveOnesAreNot(t *testing.T) {
	root := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("README.md", `# Title
[page](docs/page.md), [its part](docs/page.md#what-it-is-good-for), [again](docs/page.md#again-1)
[here](#title), [directory](docs), [elsewhere](https://example.com/x#y), [mail](mailto:a@example.com)
![picture](docs/missing.png) and [two](docs/gone.md "title") on [one](docs/page.md#nowhere) line
[by name]: docs/never.md
`+"`[code](not/a/link.md)`\n```\n[block](neither.md)\n```\n[after](last.md)\n")
	write("docs/page.md", "## What *it* is `good` for?\n## Again\n## Again\n[up](../README.md) <a id=\"by-hand\"></a>\n[own](#by-hand)\n")
	write("testdata/ignored.md", "[x](nowhere.md)")

	got, err := deadLinks(root)
	if err != nil {
		t.Fatal(err)
	}
	prefix := filepath.Join(root, "README.md")
	want := []string{
		prefix + ":4: docs/missing.png: there is no such file",
		prefix + ":4: docs/gone.md: there is no such file",
		prefix + ":4: docs/page.md#nowhere: there is no such heading",
		prefix + ":5: docs/never.md: there is no such file",
		prefix + ":10: last.md: there is no such file",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
