package hosting

import (
	"context"
	"sync"
)

// runInTurn starts what next returns, again each time that it is woken, until ctx ends, and returns
// nil when all of it has ended. next returns nil if nothing may start now.
func runInTurn(ctx context.Context, wake <-chan struct{}, next func(context.Context) func()) error {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		for start := next(ctx); start != nil; start = next(ctx) {
			running.Go(start)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		}
	}
}
