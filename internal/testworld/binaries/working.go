package binaries

import (
	"context"
	"os/exec"
	"time"
)

// versionTimeout is long enough for a browser on a busy machine.
const versionTimeout = 30 * time.Second

// working returns the first program that is there and can say its version. To
// be there is not enough: some distributions ship a file under the name that
// only points to another way of installing it.
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
