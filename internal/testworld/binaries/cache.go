package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// cacheDir returns the user's directory for programs that were built or fetched.
func cacheDir(elements ...string) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("while looking for the cache directory: %w", err)
	}
	return makeDir(filepath.Join(append([]string{base, "referral-operator"}, elements...)...))
}

func makeDir(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("while making %s: %w", dir, err)
	}
	return dir, nil
}

// lock prevents two processes from doing the same work in dir at the same time. The kernel releases
// it when this process ends, however it ends.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	path := filepath.Join(dir, ".lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("while opening %s: %w", path, err)
	}
	stop := sayWhile("waiting for another process that works in " + dir)
	defer stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("while locking %s: %w", path, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("while locking %s: %w", path, ctx.Err()), file.Close())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// isProgram reports whether path is executable.
func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
