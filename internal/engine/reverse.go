package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// reversalRows is how many rows of each table one step of a reversal reads.
const reversalRows = 1000

// reversal is one transaction of a campaign that was deleted with Reverse: it takes back what the
// campaign gave in a range of keys. It decides nothing and loads no facts, so that it also reaches
// referees that are set aside, withheld, or have pairs in a suspended campaign. Only recorded rows
// decide what is taken back, never counters.
type reversal struct {
	*batch
	campaign string
	after    rowKey  // last key of the range before
	end      *rowKey // last key of this range; nil: the range has no end

	waitlistKeys      pairKeyColumns  // rows to remove from the waitlist
	waitlistReferrers referrerColumns // their referrers
}

// rowKey is the key that pairs, credits and ledger entries share.
type rowKey struct{ userID, purchaseID string }

func (k rowKey) String() string { return k.userID + "/" + k.purchaseID }

// compare orders keys by their bytes.
func (k rowKey) compare(other rowKey) int {
	return cmp.Or(cmp.Compare(k.userID, other.userID), cmp.Compare(k.purchaseID, other.purchaseID))
}

// reversing reports whether the loaded configuration has a campaign that takes back what it gave.
func (e *Engine) reversing() bool {
	config := e.config.Load()
	if config == nil || !e.mayDecide(config) {
		return false
	}
	for _, campaign := range config.Reward.Campaigns {
		if campaign.Mode == reward.Reversing {
			return true
		}
	}
	return false
}

// runReversals runs one step after the other each time it is woken, until ctx ends. Batches go
// first: it pauses after each step for at least as long as the step took.
func (e *Engine) runReversals(ctx context.Context, wake <-chan struct{}) {
	delay := newBackoff()
	rows := reversalRows
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		}
		for ctx.Err() == nil {
			began := time.Now()
			did, err := e.reverseStep(ctx, rows)
			if errors.Is(err, errBatchTooLarge) || errors.Is(err, errMemoryInUse) {
				rows = max(1, rows/2) // a small step needs no reservation
			}
			if err != nil && ctx.Err() == nil {
				e.observeFailure(err)
				wait := delay.NextBackOff()
				e.log.Warn("A step of a reversal was rolled back", "error", logged(err), "retryIn", wait.Round(time.Millisecond))
				pause(ctx, wait)
				break
			}
			delay.Reset()
			rows = min(2*rows, reversalRows)
			if !did {
				break
			}
			pause(ctx, e.pauseAfter(time.Since(began)))
		}
	}
}

// reverseStep does one step, and reports whether there was one that no other engine does.
func (e *Engine) reverseStep(ctx context.Context, rows int) (did bool, err error) {
	if !e.reversing() {
		return false, nil
	}
	step := reversal{batch: newBatch(e, e.config.Load(), turn{size: rows})}
	defer step.releaseMemory()
	err = Contain(func() (err error) {
		did, err = step.runStep(ctx, rows)
		return err
	})
	if errors.Is(err, ErrConfigurationMoved) {
		_, err = e.reload(ctx)
		return err == nil, err
	}
	return did, err
}

// runStep takes back what the campaign gave in the next range of keys.
func (s *reversal) runStep(ctx context.Context, rows int) (did bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.engine.batchTime)
	defer cancel()
	if s.tx, err = s.engine.db.Begin(ctx); err != nil {
		return false, fmt.Errorf("while beginning a step of a reversal: %w", err)
	}
	defer postgres.Rollback(ctx, s.tx)
	if found, err := s.lockRange(ctx, rows); err != nil || !found {
		return false, err
	}
	if err := s.loadRange(ctx); err != nil {
		return false, fmt.Errorf("while loading what campaign %s gave: %w", s.campaign, err)
	}
	if err := s.computeReversals(); err != nil {
		return false, err
	}
	if err := s.findForeign(ctx); err != nil {
		return false, fmt.Errorf("while looking for foreign ledger entries: %w", err)
	}
	if err := s.recordRange(ctx); err != nil {
		return false, fmt.Errorf("while taking back what campaign %s gave: %w", s.campaign, err)
	}
	if err := s.fence(ctx); err != nil {
		return false, err
	}
	if err := s.tx.Commit(ctx); err != nil {
		return false, fmt.Errorf("while committing a step of a reversal: %w", err)
	}
	s.engine.stats.entries.Add(uint64(s.countEntries()))
	s.observeCommit()
	return true, nil
}

// lockRange locks a reversal, finds the end of its next range, and locks the shards of the referees
// in it.
func (s *reversal) lockRange(ctx context.Context, rows int) (found bool, err error) {
	if _, err := s.tx.Exec(ctx, s.statement("begin")); err != nil {
		return false, fmt.Errorf("while beginning a step of a reversal: %w", err)
	}
	err = s.tx.QueryRow(ctx, s.statement("reverse_lock")).Scan(&s.campaign, &s.after.userID, &s.after.purchaseID)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("while locking a reversal: %w", err)
	}
	var end rowKey
	switch err := s.tx.QueryRow(ctx, s.statement("reverse_range"), s.after.userID, s.after.purchaseID, rows).Scan(&end.userID, &end.purchaseID); {
	case err == nil && end.compare(s.after) <= 0:
		return false, fmt.Errorf("while finding the next keys: %w", outOfOrder(end.String(), s.after.String()))
	case err == nil:
		s.end = &end
	case !errors.Is(err, pgx.ErrNoRows):
		return false, fmt.Errorf("while finding the next keys: %w", err)
	}
	locked, err := s.tx.Query(ctx, s.statement("reverse_lock_shards"), s.rangeArguments())
	if err == nil {
		s.shards, err = postgres.CollectRows(locked, pgx.RowTo[int16])
	}
	if err != nil {
		return false, fmt.Errorf("while locking shards: %w", err)
	}
	return true, nil
}

// rangeArguments are the parameters of the statements about the range.
func (s *reversal) rangeArguments() pgx.StrictNamedArgs {
	userID, purchaseID := s.endKey()
	return pgx.StrictNamedArgs{
		"campaign":       s.campaign,
		"after_user":     s.after.userID,
		"after_purchase": s.after.purchaseID,
		"last_user":      userID,
		"last_purchase":  purchaseID,
	}
}

// endKey returns the last key of the range; nil: the range has no end.
func (s *reversal) endKey() (userID, purchaseID *string) {
	if s.end == nil {
		return nil, nil
	}
	return &s.end.userID, &s.end.purchaseID
}
