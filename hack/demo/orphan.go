package main

import (
	"context"
	"os"
	"time"
)

// untilOrphaned ends the context when the process that started this one is
// gone. `go run` does not pass on the signal that ends it, and without this a
// demo that was to stay up would stay for good.
func untilOrphaned(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if os.Getppid() != parent {
					cancel()
				}
			}
		}
	}()
	return ctx, cancel
}
