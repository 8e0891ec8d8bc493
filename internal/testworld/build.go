package testworld

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

var builds sync.Map // by package: func() (string, error)

// Build compiles a main package of this repository, "./cmd/manager" for example, once per process
// and returns the program's path.
func Build(pkg string) (string, error) {
	once, _ := builds.LoadOrStore(pkg, sync.OnceValues(func() (string, error) { return build(pkg) }))
	run, ok := once.(func() (string, error))
	if !ok {
		return "", fmt.Errorf("the build of %s is a %T", pkg, once)
	}
	return run()
}

func build(pkg string) (string, error) {
	root, err := binaries.ModuleRoot()
	if err != nil {
		return "", err
	}
	dir, err := scratchDir("build")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, filepath.Base(pkg))
	// All callers wait for this one build, so no caller's context may end it.
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", path, pkg)
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("while building %s: %w\n%s", pkg, err, output)
	}
	return path, nil
}
