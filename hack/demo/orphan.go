package main

import (
	"context"
	"os"
	"time"
)

// untilOrphaned ends the context when this process's parent has exited. `go run` does not forward
// the signal that ends it, so without this a demo with KEEP=1 would run forever.
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
