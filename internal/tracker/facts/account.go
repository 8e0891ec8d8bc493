package facts

import (
	"context"
	"sync"
)

// accounts lets one redemption of an account be written at a time. Without it, redemptions of an
// account that a transaction of the shop's keeps locked would occupy all turns of alone.
type accounts struct {
	mu      sync.Mutex
	entered map[account]*line // those with a redemption
}

type account struct{ beneficiaryID, currency string }

// line are the redemptions of an account that wait or are written.
type line struct {
	length int
	turn   chan struct{} // full while one is written
}

// enter waits until no other redemption of the account is written, or until ctx ends. Call leave
// after the write.
func (a *accounts) enter(ctx context.Context, of account) (leave func(), err error) {
	a.mu.Lock()
	l := a.entered[of]
	if l == nil {
		l = &line{turn: make(chan struct{}, 1)}
		if a.entered == nil {
			a.entered = map[account]*line{}
		}
		a.entered[of] = l
	}
	l.length++
	a.mu.Unlock()
	exit := func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if l.length--; l.length == 0 {
			delete(a.entered, of)
		}
	}
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn; exit() }, nil
	case <-ctx.Done():
		exit()
		return nil, ctx.Err()
	}
}
