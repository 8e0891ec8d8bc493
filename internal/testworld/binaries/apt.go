package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// aptInstall installs one of the distribution's packages. It needs root.
func aptInstall(ctx context.Context, name string) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root")
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("while looking for apt-get: %w", err)
	}
	dir, err := cacheDir("apt")
	if err != nil {
		return err
	}
	// Tests of two packages may install at the same time, and apt fails while another apt is
	// running.
	unlock, err := lock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	restore, err := keepAptFromStartingServices()
	if err != nil {
		return err
	}
	defer restore()
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

// policyFile is the script that Debian's packages ask before they start a service.
const policyFile = "/usr/sbin/policy-rc.d"

// keepAptFromStartingServices prevents packages from starting their servers during the
// installation. It keeps a policy that exists already.
func keepAptFromStartingServices() (restore func(), err error) {
	const nothing = "#!/bin/sh\n# Of referral-operator's tests, while they install a package.\nexit 101\n"
	file, err := os.OpenFile(policyFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("while keeping apt from starting services: %w", err)
	}
	restore = func() { _ = os.Remove(policyFile) }
	_, err = file.WriteString(nothing)
	if err := errors.Join(err, file.Close()); err != nil {
		restore()
		return nil, fmt.Errorf("while keeping apt from starting services: %w", err)
	}
	return restore, nil
}
