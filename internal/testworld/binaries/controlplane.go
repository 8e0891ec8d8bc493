package binaries

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// Names of the programs of a control plane.
const (
	APIServer         = "kube-apiserver"
	Etcd              = "etcd"
	Kubectl           = "kubectl"
	ControllerManager = "kube-controller-manager"
)

// ControlPlane returns the path of one of these programs: in the directory KUBEBUILDER_ASSETS if
// that is set, else the pinned version in the user's cache. It adds a missing program to the cache,
// which may take minutes, and reports progress.
func ControlPlane(ctx context.Context, name string) (string, error) {
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	if assets := os.Getenv("KUBEBUILDER_ASSETS"); assets != "" {
		if !filepath.IsAbs(assets) {
			assets = filepath.Join(root, assets)
		}
		path := filepath.Join(assets, name)
		if isProgram(path) {
			return path, nil
		}
		// Prebuilt sets do not contain this program, which few tests need.
		if name != ControllerManager {
			return "", fmt.Errorf("KUBEBUILDER_ASSETS names %s, which has no %s", assets, name)
		}
	}
	pinned, err := readPins(root)
	if err != nil {
		return "", err
	}
	return pinned.ensure(ctx, name)
}

// LinkControlPlane gets kube-apiserver, etcd and kubectl if they are missing, and links them into
// dir.
func LinkControlPlane(ctx context.Context, dir string) error {
	for _, name := range []string{APIServer, Etcd, Kubectl} {
		path, err := ControlPlane(ctx, name)
		if err != nil {
			return err
		}
		if err := replaceLink(path, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// replaceLink makes link point to target atomically.
func replaceLink(target, link string) error {
	if current, err := os.Readlink(link); target == link || (err == nil && current == target) {
		return nil
	}
	if _, err := makeDir(filepath.Dir(link)); err != nil {
		return err
	}
	fresh := fmt.Sprintf("%s.%d", link, os.Getpid())
	if err := os.Symlink(target, fresh); err != nil {
		return fmt.Errorf("while linking %s: %w", link, err)
	}
	if err := os.Rename(fresh, link); err != nil {
		return fmt.Errorf("while linking %s: %w", link, err)
	}
	return nil
}

// pinned are the versions hack/controlplane/go.mod requires.
type pinned struct {
	root       string // of this module
	kubernetes string // "v1.37.2"
	etcd       string
}

var (
	kubernetesPin = regexp.MustCompile(`(?m)^\s*(?:require )?k8s\.io/kubernetes (v\S+)`)
	etcdPin       = regexp.MustCompile(`(?m)^\s*(?:require )?go\.etcd\.io/etcd/server/v3 (v\S+)`)
)

func readPins(root string) (pinned, error) {
	content, err := os.ReadFile(filepath.Join(root, pins))
	if err != nil {
		return pinned{}, fmt.Errorf("while reading the control plane's versions: %w", err)
	}
	kubernetes, etcd := kubernetesPin.FindSubmatch(content), etcdPin.FindSubmatch(content)
	if kubernetes == nil || etcd == nil {
		return pinned{}, fmt.Errorf("%s does not require k8s.io/kubernetes and go.etcd.io/etcd/server/v3", pins)
	}
	return pinned{root: root, kubernetes: string(kubernetes[1]), etcd: string(etcd[1])}, nil
}

// ensure returns the cached program, after getting it if it is missing.
func (p pinned) ensure(ctx context.Context, name string) (string, error) {
	// A directory per set of versions, so that a raised version never runs the old program.
	dir, err := cacheDir("k8s", p.kubernetes+"-etcd-"+p.etcd)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	if isProgram(path) {
		return path, nil
	}
	unlock, err := lock(ctx, dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	if isProgram(path) { // another process has made it meanwhile
		return path, nil
	}
	if err := p.prebuilt(ctx, dir, name); err == nil && isProgram(path) {
		return path, nil
	}
	return path, p.build(ctx, name, path)
}
