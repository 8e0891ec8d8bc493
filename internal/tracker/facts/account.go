package facts

import (
	"context"
	"sync"
)

// accounts lets one redemption of an account be written at a time. Without it, redemptions of one
// account that a transaction of the shop keeps locked would use all connections of the writes that
// share no commit (see Store.alone).
type accounts struct {
	mu      sync.Mutex
	entered map[account]*redemptionQueue // those with a redemption
}

type account struct{ beneficiaryID, currency string }

// redemptionQueue is the redemptions of an account that wait or are being written.
type redemptionQueue struct {
	length int
	turn   chan struct{} // full while one is written
}

// enter waits until no other redemption of the account is written, or until ctx ends. Call leave
// after the write.
func (a *accounts) enter(ctx context.Context, of account) (leave func(), err error) {
	a.mu.Lock()
	queue := a.entered[of]
	if queue == nil {
		queue = &redemptionQueue{turn: make(chan struct{}, 1)}
		if a.entered == nil {
			a.entered = map[account]*redemptionQueue{}
		}
		a.entered[of] = queue
	}
	queue.length++
	a.mu.Unlock()
	exit := func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if queue.length--; queue.length == 0 {
			delete(a.entered, of)
		}
	}
	select {
	case queue.turn <- struct{}{}:
		return func() { <-queue.turn; exit() }, nil
	case <-ctx.Done():
		exit()
		return nil, ctx.Err()
	}
}
