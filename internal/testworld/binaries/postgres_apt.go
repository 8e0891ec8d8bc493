package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// aptPostgres installs the distribution's packages.
func aptPostgres(ctx context.Context, wanted int) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root")
	}
	name := "postgresql"
	if wanted != 0 {
		name += "-" + strconv.Itoa(wanted)
	}
	if err := keepAptFromStartingServers(); err != nil {
		return err
	}
	return aptInstall(ctx, name)
}

// keepAptFromStartingServers prevents the package's script from creating and starting a cluster.
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
