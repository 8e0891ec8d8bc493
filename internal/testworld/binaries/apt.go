package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// aptInstall installs one of the distribution's packages, which finds the given files meanwhile. It
// needs root.
func aptInstall(ctx context.Context, name string, files ...aptFile) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root")
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("while looking for apt-get: %w", err)
	}
	// Tests of two packages may install at the same time, and apt fails while another apt is
	// running.
	unlock, err := lockApt(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	remove, err := putAll(append(files, noServices))
	defer remove()
	if err != nil {
		return err
	}
	say("installing the package %s, once", name)
	stop := sayWhile("installing " + name)
	defer stop()
	for _, args := range [][]string{{"update"}, {"install", "--yes", "--no-install-recommends", name}} {
		cmd := exec.CommandContext(ctx, apt, append([]string{"-o", "DPkg::Lock::Timeout=120"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.WaitDelay = 5 * time.Second
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("while running apt-get %s: %w\n%s", args[0], err, output)
		}
	}
	return nil
}

func lockApt(ctx context.Context) (unlock func(), err error) {
	dir, err := cacheDir("apt")
	if err != nil {
		return nil, err
	}
	return lock(ctx, dir)
}

// aptFile is a file that tells packages what not to do while they are installed.
type aptFile struct {
	path    string
	content string
	mode    os.FileMode
}

// ourComment is in every aptFile: a killed process leaves its files behind, and the next one must not
// take them for the administrator's.
const ourComment = "# Of referral-operator's tests, while they install a package.\n"

var (
	// noServices is the script that Debian's packages ask before they start a service.
	noServices = aptFile{"/usr/sbin/policy-rc.d", "#!/bin/sh\n" + ourComment + "exit 101\n", 0o755}

	// noCluster keeps Postgres' packages from creating a cluster. Its name is ours.
	noCluster = aptFile{"/etc/postgresql-common/createcluster.d/referral-operator.conf", ourComment + "create_main_cluster = false\n", 0o644}
)

// putAll puts the files. The returned function removes ours, after an error too.
func putAll(files []aptFile) (remove func(), err error) {
	var removes []func()
	remove = func() {
		for _, remove := range removes {
			remove()
		}
	}
	for _, file := range files {
		removeOne, err := file.put()
		if err != nil {
			return remove, err
		}
		removes = append(removes, removeOne)
	}
	return remove, nil
}

// put writes the file, unless the administrator has one of that name. The returned function removes
// the file, and the directories that it needed.
func (f aptFile) put() (remove func(), err error) {
	switch ours, err := f.ours(); {
	case err == nil && !ours:
		return func() {}, nil
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("while keeping apt from starting services: %w", err)
	}
	var made []string
	for dir := filepath.Dir(f.path); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		made = append(made, dir)
	}
	if _, err := makeDir(filepath.Dir(f.path)); err != nil {
		return nil, err
	}
	remove = func() {
		for _, path := range append([]string{f.path}, made...) {
			_ = os.Remove(path) // a directory with the files of others stays
		}
	}
	if err := os.WriteFile(f.path, []byte(f.content), f.mode); err != nil {
		remove()
		return nil, fmt.Errorf("while keeping apt from starting services: %w", err)
	}
	return remove, nil
}

// ours reports whether the file is one of ours, and not the administrator's.
func (f aptFile) ours() (bool, error) {
	content, err := os.ReadFile(f.path)
	return strings.Contains(string(content), ourComment) || f == noCluster, err
}

// CleanApt removes the files that a killed process left behind while it installed a package.
func CleanApt(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return nil
	}
	unlock, err := lockApt(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, file := range []aptFile{noServices, noCluster} {
		if ours, err := file.ours(); err == nil && ours {
			if err := os.Remove(file.path); err != nil {
				return fmt.Errorf("while removing what a killed installation left behind: %w", err)
			}
		}
	}
	return nil
}
