package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// nginxPlaces are searched after PATH, because the PATH of ordinary users often has no sbin.
var nginxPlaces = []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx"}

// Nginx returns the path of an nginx: the one on PATH or in a usual place,
// else, for root, the distribution's.
func Nginx(ctx context.Context) (string, error) {
	if path, ok := working(ctx, nginxPlaces, "-v"); ok {
		return path, nil
	}
	err := aptNginx(ctx)
	if err == nil {
		if path, ok := working(ctx, nginxPlaces, "-v"); ok {
			return path, nil
		}
		err = errors.New("apt installed none that runs")
	}
	return "", fmt.Errorf("no nginx: install one, or put it on PATH (apt: %w)", err)
}

func aptNginx(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root")
	}
	restore, err := keepAptFromStartingServices()
	if err != nil {
		return err
	}
	defer restore()
	return aptInstall(ctx, "nginx-light")
}
