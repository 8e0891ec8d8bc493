package postgres

import (
	"context"
	"testing"
	"time"
)

// Logins are turns of logins.
type Logins struct{ *logins }

// NewLogins returns turns for so many logins at once.
func NewLogins(atOnce int, longest time.Duration) Logins {
	return Logins{newLogins(atOnce, longest)}
}

// SetLogins replaces the turns of this process until the test ends. Call it in no parallel test.
func SetLogins(t *testing.T, l Logins) {
	t.Helper()
	before := allLogins
	allLogins = l.logins
	t.Cleanup(func() { allLogins = before })
}

// Await waits for the turn of a login. well says that the last one of the database succeeded.
func (l Logins) Await(ctx context.Context, tenant string, well bool) (end func(), err error) {
	to := &target{tenant: tenant}
	to.well.Store(well)
	one, err := l.await(ctx, to)
	if err != nil {
		return nil, err
	}
	return one.end, nil
}

// Waiting is how many logins wait for their turn.
func (l Logins) Waiting() (count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.waiting {
		count += len(t.well) + len(t.others)
	}
	return count
}
