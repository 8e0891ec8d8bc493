package binaries

import (
	"context"
	"os/exec"
	"time"
)

// versionTimeout is long enough for a browser on a busy machine.
const versionTimeout = 30 * time.Second

// working returns the first program that exists and can print its version. Existing is not enough:
// some distributions ship a file of that name that only refers to another package.
func working(ctx context.Context, places []string, version string) (string, bool) {
	for _, place := range places {
		path, err := exec.LookPath(place)
		if err != nil {
			continue
		}
		if _, err := run(ctx, versionTimeout, path, version); err == nil {
			return path, true
		}
	}
	return "", false
}
