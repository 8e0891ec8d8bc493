package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// pgBouncerPlaces are searched after PATH, because the PATH of ordinary users often has no sbin.
var pgBouncerPlaces = []string{"pgbouncer", "/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer"}

// PgBouncer returns the path of a PgBouncer: the one on PATH or in a usual place,
// else, for root, the distribution's.
func PgBouncer(ctx context.Context) (string, error) {
	if path, ok := working(ctx, pgBouncerPlaces, "--version"); ok {
		return path, nil
	}
	err := aptPgBouncer(ctx)
	if err == nil {
		if path, ok := working(ctx, pgBouncerPlaces, "--version"); ok {
			return path, nil
		}
		err = errors.New("apt installed none that runs")
	}
	return "", fmt.Errorf("no PgBouncer: install one, or put it on PATH (apt: %w)", err)
}

func aptPgBouncer(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root")
	}
	restore, err := keepAptFromStartingServices()
	if err != nil {
		return err
	}
	defer restore()
	return aptInstall(ctx, "pgbouncer")
}
