package binaries

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFilesForAptAreThereDuringAnInstallationOnly(t *testing.T) {
	const theirs = "#!/bin/sh\nexit 101\n"
	for name, c := range map[string]struct {
		found          string // in the file before; empty: there is none
		meanwhile, end string
	}{
		"none before":                     {"", noServices.content, ""},
		"one that a killed process left":  {noServices.content, noServices.content, ""},
		"another version of ours":         {ourComment + "exit 1\n", noServices.content, ""},
		"the administrator's stays":       {theirs, theirs, theirs},
		"the administrator's empty stays": {"\n", "\n", "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			file := noServices
			file.path = filepath.Join(root, "etc", "apt", "policy")
			if c.found != "" {
				if err := os.MkdirAll(filepath.Dir(file.path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file.path, []byte(c.found), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			content := func() string {
				content, err := os.ReadFile(file.path)
				if err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				return string(content)
			}
			remove, err := file.put()
			if err != nil {
				t.Fatal(err)
			}
			if got := content(); got != c.meanwhile {
				t.Errorf("meanwhile it is %q, want %q", got, c.meanwhile)
			}
			remove()
			if got := content(); got != c.end {
				t.Errorf("in the end it is %q, want %q", got, c.end)
			}
			if left, err := os.ReadDir(root); err != nil || c.found == "" && len(left) > 0 {
				t.Errorf("directories are left: %v, %v", left, err)
			}
		})
	}
}
