package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// reversal is one transaction of a campaign that was deleted with Reverse: it takes back what the
// campaign gave in a range of keys. It decides nothing and loads no facts, so that it also reaches
// referees that are set aside, withheld, or have pairs in a suspended campaign. Only recorded rows
// decide what is taken back, never counters.
type reversal struct {
	*batch
	campaign string
	progress int64         // version of the row with the recorded progress
	walk     *reversalWalk // nil: the range continues the recorded progress
	retries  bool          // the range is that of a key that failed before

	after  PairKey  // last key of the range before
	end    *PairKey // last key of this range; nil: the range has no end
	ranged bool     // the range is known

	waitlistKeys      pairKeyColumns  // rows to remove from the waitlist
	waitlistReferrers referrerColumns // their referrers
}

// runStep takes back what the campaign gave in the next range of keys.
//
// While a key of the campaign cannot be reversed, the recorded progress stays before that key, so
// that an engine that starts later comes to it too.
func (s *reversal) runStep(ctx context.Context, r *reverser) (did bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.engine.batchTime)
	defer cancel()
	if s.tx, err = s.engine.db.Begin(ctx); err != nil {
		return false, fmt.Errorf("while beginning a step of a reversal: %w", err)
	}
	defer postgres.Rollback(ctx, s.tx)
	if found, err := s.lock(ctx, r); err != nil || !found {
		return false, err
	}
	if err := s.chooseRange(ctx, r.rows); err != nil {
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

// lock locks the reversal of a campaign that does not wait for its next attempt.
func (s *reversal) lock(ctx context.Context, r *reverser) (found bool, err error) {
	if _, err := s.tx.Exec(ctx, s.statement("begin")); err != nil {
		return false, fmt.Errorf("while beginning a step of a reversal: %w", err)
	}
	var campaign string
	err = s.tx.QueryRow(ctx, s.statement("reverse_lock"), r.waiting(time.Now()), r.gaveWay).Scan(&campaign, &s.after.UserID, &s.after.PurchaseID, &s.progress)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err == nil && !s.config.reverses(campaign) {
		err = ErrConfigurationMoved
	}
	if err != nil {
		return false, fmt.Errorf("while locking a reversal: %w", err)
	}
	s.campaign = campaign
	s.walk = r.walkOf(campaign, s.progress, s.after)
	return true, nil
}

// chooseRange finds the next range, and locks the shards of the referees in it.
func (s *reversal) chooseRange(ctx context.Context, rows int) error {
	if failed := s.walk.nextToRetry(); failed != nil {
		s.retries, s.after, s.end = true, failed.after, &failed.key
	} else {
		if s.walk != nil {
			s.after = s.walk.last
		}
		if err := s.findEnd(ctx, rows); err != nil {
			return fmt.Errorf("while finding the next keys: %w", err)
		}
	}
	s.ranged = true
	locked, err := s.tx.Query(ctx, s.statement("reverse_lock_shards"), s.rangeArguments())
	if err == nil {
		s.shards, err = postgres.CollectRows(locked, pgx.RowTo[int16])
	}
	if err != nil {
		return fmt.Errorf("while locking shards: %w", err)
	}
	return nil
}

// findEnd finds the end of a range with at most that many rows of each table.
func (s *reversal) findEnd(ctx context.Context, rows int) error {
	var end PairKey
	err := s.tx.QueryRow(ctx, s.statement("reverse_range"), s.after.UserID, s.after.PurchaseID, rows).Scan(&end.UserID, &end.PurchaseID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return err
	case end.compare(s.after) <= 0:
		return outOfOrder(end.String(), s.after.String())
	}
	s.end = &end
	return cmp.Or(checkID(end.UserID), checkID(end.PurchaseID))
}

// rangeArguments are the parameters of the statements about the range.
func (s *reversal) rangeArguments() pgx.StrictNamedArgs {
	userID, purchaseID := s.endKey()
	return pgx.StrictNamedArgs{
		"campaign":       s.campaign,
		"after_user":     s.after.UserID,
		"after_purchase": s.after.PurchaseID,
		"last_user":      userID,
		"last_purchase":  purchaseID,
	}
}

// endKey returns the last key of the range; nil: the range has no end.
func (s *reversal) endKey() (userID, purchaseID *string) {
	if s.end == nil {
		return nil, nil
	}
	return &s.end.UserID, &s.end.PurchaseID
}
