package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// aptPostgres installs the distribution's packages, which only root can.
func aptPostgres(ctx context.Context, wanted int) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root")
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("while looking for apt-get: %w", err)
	}
	name := "postgresql"
	if wanted != 0 {
		name += "-" + strconv.Itoa(wanted)
	}
	if err := keepAptFromStartingServers(); err != nil {
		return err
	}
	say("installing the package %s, once", name)
	stop := sayWhile("installing " + name)
	defer stop()
	for _, args := range [][]string{{"update"}, {"install", "--yes", "--no-install-recommends", name}} {
		cmd := exec.CommandContext(ctx, apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.WaitDelay = 5 * time.Second
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("while running apt-get %s: %w\n%s", args[0], err, output)
		}
	}
	return nil
}

// keepAptFromStartingServers is for the package's own script: it would make
// and start a cluster of its own, which nobody here asked for.
func keepAptFromStartingServers() error {
	dir, err := makeDir("/etc/postgresql-common/createcluster.d")
	if err != nil {
		return err
	}
	content := []byte("create_main_cluster = false\n")
	if err := os.WriteFile(filepath.Join(dir, "referral-operator.conf"), content, 0o644); err != nil {
		return fmt.Errorf("while keeping apt from starting a server: %w", err)
	}
	return nil
}
