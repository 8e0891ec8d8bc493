package binaries

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestOtherUsersCanReachTheSharedCacheDespiteTheUmask(t *testing.T) {
	base := filepath.Join(t.TempDir(), "cache")
	t.Cleanup(func() func() { // not parallel, since the umask is that of the process
		before := syscall.Umask(0o077)
		return func() { syscall.Umask(before) }
	}())
	if err := os.MkdirAll(filepath.Join(base, "postgres"), 0o755); err != nil { // as an earlier run left it
		t.Fatal(err)
	}
	dir, err := traversableDir(base, "postgres", "18")
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(base, "postgres", "18"); dir != want {
		t.Errorf("%s, want %s", dir, want)
	}
	for _, made := range []string{base, filepath.Join(base, "postgres"), dir} {
		info, err := os.Stat(made)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o755 {
			t.Errorf("%s has mode %v", made, info.Mode())
		}
	}
}
