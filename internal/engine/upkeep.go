package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/jitter"
)

const (
	// upkeepInterval is how often an engine looks for upkeep in a database in which nothing happens.
	upkeepInterval = 5 * time.Minute
	// busyUpkeepInterval is how often it looks while touches are written.
	busyUpkeepInterval = 10 * time.Second
	// upkeepPause follows each step while there are more.
	upkeepPause = 200 * time.Millisecond
	// upkeepRows is how many rows one step works on.
	upkeepRows = 2000
)

// runUpkeep deletes touches beyond their retention, and adds up the counts of links, in small steps
// until ctx ends. No decision rests on either.
func (e *Engine) runUpkeep(ctx context.Context) {
	looked := time.Now()
	for {
		pause(ctx, jitter.Spread(busyUpkeepInterval))
		if ctx.Err() != nil {
			return
		}
		config := e.config.Load()
		if config == nil || !e.mayDecide(config) || !e.touched.Swap(false) && time.Since(looked) < upkeepInterval {
			continue
		}
		looked = time.Now()
		if err := e.Upkeep(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("Upkeep has to wait", "error", logged(err))
		}
	}
}

// Upkeep runs steps until none is due.
func (e *Engine) Upkeep(ctx context.Context) error {
	for _, step := range []func(context.Context, pgx.Tx) (more bool, err error){e.foldLinkCounts, e.expireTouches} {
		for more := true; more && ctx.Err() == nil; {
			err := pgx.BeginFunc(ctx, e.db, func(tx pgx.Tx) (err error) {
				if _, err = tx.Exec(ctx, e.statement("begin")); err == nil {
					more, err = step(ctx, tx)
				}
				return err
			})
			if err != nil {
				return err
			}
			if more {
				pause(ctx, upkeepPause)
			}
		}
	}
	return nil
}

// foldLinkCounts adds changes of counts of links to the counts.
func (e *Engine) foldLinkCounts(ctx context.Context, tx pgx.Tx) (more bool, err error) {
	var folded int
	err = tx.QueryRow(ctx, e.statement("fold_link_counts"), pgx.StrictNamedArgs{"limit": upkeepRows}).Scan(&folded)
	if err != nil {
		return false, fmt.Errorf("while adding up counts of links: %w", err)
	}
	return folded == upkeepRows, nil
}

// expireTouches deletes touches beyond their retention.
func (e *Engine) expireTouches(ctx context.Context, tx pgx.Tx) (more bool, err error) {
	err = tx.QueryRow(ctx, e.statement("expire_touches"), pgx.StrictNamedArgs{"limit": upkeepRows}).Scan(&more)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("while deleting old touches: %w", err)
	}
	return more, nil
}
