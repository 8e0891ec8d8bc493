package binaries

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// packages are the main packages of the programs, in hack/controlplane/go.mod.
var packages = map[string]string{
	APIServer:         "k8s.io/kubernetes/cmd/kube-apiserver",
	Kubectl:           "k8s.io/kubernetes/cmd/kubectl",
	ControllerManager: "k8s.io/kubernetes/cmd/kube-controller-manager",
	Etcd:              "go.etcd.io/etcd/server/v3",
}

// build compiles a program from its Go module into path.
func (p pinned) build(ctx context.Context, name, path string) error {
	version := p.kubernetes
	if name == Etcd {
		version = p.etcd
	}
	say("building %s %s from its Go module, once; it will be kept in %s", name, version, filepath.Dir(path))
	stop := sayWhile("building " + name)
	defer stop()

	// Built beside its place and renamed, so that no process finds half a program.
	fresh := path + ".new"
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath",
		// An unstamped server reports v0.0.0, which clients refuse.
		"-ldflags", "-s -w -X k8s.io/component-base/version.gitVersion="+p.kubernetes,
		"-o", fresh, packages[name])
	cmd.Dir = filepath.Join(p.root, filepath.Dir(pins))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS=", "GOARCH=")
	cmd.WaitDelay = 5 * time.Second
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("while building %s: %w\n%s", name, err, output)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("while putting %s into its place: %w", name, err)
	}
	return nil
}
