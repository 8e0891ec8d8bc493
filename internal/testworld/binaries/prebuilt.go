package binaries

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// reachTimeout is how long the site of the prebuilt programs may take to list them. If it
	// cannot be reached, the programs are built.
	reachTimeout = 10 * time.Second
	fetchTimeout = 10 * time.Minute
)

// unreachable is set once the site of the prebuilt programs did not answer, so that the next
// program does not wait for it again.
var unreachable atomic.Bool

// prebuilt lets setup-envtest fetch the programs of the pinned minor version and links name from
// there into dir.
func (p pinned) prebuilt(ctx context.Context, dir, name string) error {
	if name == ControllerManager || unreachable.Load() {
		return fmt.Errorf("there is no prebuilt %s", name)
	}
	tool, err := p.setupEnvtest(ctx, dir)
	if err != nil {
		return err
	}
	say("asking setup-envtest for a prebuilt %s", name)
	selector := minorOf(p.kubernetes) + ".x"
	if _, err := run(ctx, reachTimeout, tool, "list", selector); err != nil {
		say("no prebuilt programs can be reached from here")
		unreachable.Store(true)
		return err
	}
	stop := sayWhile("fetching prebuilt programs")
	defer stop()
	fetched, err := run(ctx, fetchTimeout, tool, "use", selector, "--bin-dir", dir, "--print", "path")
	if err != nil {
		return err
	}
	return replaceLink(filepath.Join(fetched, name), filepath.Join(dir, name))
}

// setupEnvtest builds the tool beside the programs, so that the build does not count against the
// timeout.
func (p pinned) setupEnvtest(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "setup-envtest")
	if isProgram(path) {
		return path, nil
	}
	stop := sayWhile("building setup-envtest")
	defer stop()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "sigs.k8s.io/controller-runtime/tools/setup-envtest")
	cmd.Dir = filepath.Join(p.root, "hack", "tools")
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("while building setup-envtest: %w\n%s", err, output)
	}
	return path, nil
}

// run returns a command's output without surrounding white space.
func run(ctx context.Context, timeout time.Duration, path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.WaitDelay = time.Second
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("while running %s %s: %w", filepath.Base(path), strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(output)), nil
}

// minorOf turns "v1.37.2" into "1.37".
func minorOf(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}
