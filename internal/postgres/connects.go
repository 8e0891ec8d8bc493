package postgres

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// idlePatience is how long a use waits for a connection that others use, before it makes a further
	// one: most uses take some milliseconds, and a connection costs the server more than a hundred of
	// them.
	idlePatience = 500 * time.Millisecond

	// A use that waits looks again after pauses that grow from shortestPause to longestPause.
	shortestPause = 2 * time.Millisecond
	longestPause  = 50 * time.Millisecond
)

// connects decides when the uses of a database make connections: one at a time, each in its turn. While
// a server is away each use would else leave a login behind, up to MaxConnections of each database,
// and all of these would meet the server when it is back.
type connects struct {
	target
	busy atomic.Bool // a use waits for its turn, or makes a connection in it
}

// takeTurns has each connection of a pool made in a turn: that of its context or, if another use took
// the idle connection that was meant, in one of its own.
func (c *connects) takeTurns(settings *pgxpool.Config) {
	limit := settings.BeforeConnect
	settings.BeforeConnect = func(ctx context.Context, config *pgx.ConnConfig) (err error) {
		turn := takeTurn(ctx)
		if turn == nil {
			if turn, err = allLogins.await(ctx, &c.target); err != nil {
				return err
			}
		}
		config.Tracer = turn
		return limit(ctx, config)
	}
}

// awaitConnection waits until a connection is idle, or until the pool may make one: the first at once,
// a further one after idlePatience. Acquire the connection in the context that it returns, and call
// acquired afterwards.
func (db *DB) awaitConnection(ctx context.Context) (acquiring context.Context, acquired func()) {
	c := db.connects
	if c == nil || hasTurn(ctx) {
		return ctx, func() {}
	}
	var turn *login // asked for; nil: not yet
	var granted <-chan struct{}
	giveUp := func() {
		if turn != nil {
			turn.end()
			c.busy.Store(false)
		}
	}
	began := time.Now()
	for pause := shortestPause; ; pause = min(longestPause, pause*3/2) {
		pool := db.pool.Stat()
		if pool.IdleConns() > 0 {
			giveUp()
			return ctx, func() {}
		}
		further := pool.ConstructingConns() == 0 && pool.TotalConns() < pool.MaxConns() && time.Since(began) >= idlePatience
		if turn == nil && (further || pool.TotalConns() == 0) && c.busy.CompareAndSwap(false, true) {
			turn = allLogins.ask(&c.target)
			granted = turn.granted
		}
		select {
		case <-granted:
			acquiring, used := withTurn(ctx, turn)
			return acquiring, func() {
				used()
				c.busy.Store(false)
			}
		case <-ctx.Done():
			giveUp()
			return ctx, func() {}
		case <-time.After(pause):
		}
	}
}
