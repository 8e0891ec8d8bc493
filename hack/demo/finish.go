package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// finish waits until a child has ended by itself, and returns its exit code. If
// ctx ends first, so does the child: asked to, so that it can clear up.
func finish(ctx context.Context, child *testworld.Process) (int, error) {
	code, err := child.Wait(ctx)
	if err == nil {
		return code, nil
	}
	const patience = 5 * time.Second
	err = errors.Join(err, child.Signal(os.Interrupt))
	select {
	case <-child.Exited():
		return 0, err
	case <-time.After(patience):
		return 0, errors.Join(err, child.Kill())
	}
}
