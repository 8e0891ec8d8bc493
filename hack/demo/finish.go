package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// finish waits until a child process exits, and returns its exit code. If ctx ends first, it
// interrupts the child's process group, so that its processes can clean up.
func finish(ctx context.Context, child *testworld.Process) (int, error) {
	code, err := child.Wait(ctx)
	if err == nil {
		return code, nil
	}
	const patience = 5 * time.Second
	group := -child.Pid()
	if killErr := syscall.Kill(group, syscall.SIGINT); killErr != nil && !errors.Is(killErr, syscall.ESRCH) {
		err = errors.Join(err, killErr)
	}
	select {
	case <-child.Exited():
		return 0, err
	case <-time.After(patience):
		return 0, errors.Join(err, child.Kill())
	}
}
