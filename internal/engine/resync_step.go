package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// resyncStep is one transaction of a comparison: a range of referees is compared in one snapshot,
// and the referees that differ are decided and recorded as in any batch, with the progress and the
// drift.
type resyncStep struct {
	*batch
	drift map[string]*drift // by campaign
}

// drift is what was put right of one campaign.
type drift struct{ attributions, pairs, sums int64 }

// step does one step if one is due and no other engine does it.
func (s *resyncer) step(ctx context.Context, config *Declared, atOnce bool) (did bool, err error) {
	step := resyncStep{batch: newBatch(s.engine, config, turn{size: s.repairsPerStep}), drift: map[string]*drift{}}
	step.resyncs = true
	defer step.releaseMemory()
	ctx, cancel := context.WithTimeout(ctx, sumsTimeout+s.engine.batchTime)
	defer cancel()
	began := time.Now()
	if step.tx, err = s.engine.db.Begin(ctx); err != nil {
		return false, fmt.Errorf("while beginning a resync's step: %w", err)
	}
	defer postgres.Rollback(ctx, step.tx)
	at, err := step.lockResync(ctx, atOnce)
	if err != nil || at == nil {
		return false, err
	}
	next, err := s.advance(ctx, &step, *at)
	if err != nil {
		return false, err
	}
	if err := s.setAside(ctx, &step); err != nil {
		return false, fmt.Errorf("while setting referees aside: %w", err)
	}
	if err := step.recordDrift(ctx); err != nil {
		return false, fmt.Errorf("while recording drift: %w", err)
	}
	if next == nil {
		_, err = step.tx.Exec(ctx, step.statement("resync_end"))
	} else {
		_, err = step.tx.Exec(ctx, step.statement("resync_advance"), next.phase, next.resumeAfter, s.engine.pauseAfter(time.Since(began)).Microseconds())
	}
	if err != nil {
		return false, fmt.Errorf("while recording the progress of a resync: %w", err)
	}
	if err := step.fence(ctx); err != nil {
		return false, err
	}
	if err := step.tx.Commit(ctx); err != nil {
		return false, fmt.Errorf("while committing a resync's step: %w", err)
	}
	step.logCommitted()
	step.logDrift()
	return true, nil
}

// Phases of a comparison; see the column of referral.resync.
const (
	phaseRows   = "Rows"
	phaseLosses = "Losses"
	phaseSums   = "Sums"
)

// position is the progress of a comparison.
type position struct {
	phase       string
	resumeAfter string // the last user_id that the phase has reached
}

// advance does one step from a position and returns the next position; nil: it was the last step.
func (s *resyncer) advance(ctx context.Context, step *resyncStep, at position) (*position, error) {
	switch at.phase {
	case phaseRows:
		end, err := s.compare(ctx, step, s.resumeFrom(at.resumeAfter))
		if err != nil || end != nil {
			return &position{phaseRows, orEmpty(end)}, err
		}
		return &position{phase: phaseLosses}, nil
	case phaseLosses:
		if at.resumeAfter == "" {
			if err := step.judgeLosses(ctx); err != nil {
				return nil, fmt.Errorf("while judging lost rows: %w", err)
			}
		}
		last, err := s.reversePermitted(ctx, step, s.resumeFrom(at.resumeAfter))
		if err != nil || last != "" {
			return &position{phaseLosses, last}, err
		}
		return &position{phase: phaseSums}, nil
	}
	return nil, step.repairSums(ctx)
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// lockResync locks the comparison and begins one if none has begun. Nil: no step is due, or another
// engine does it.
func (s *resyncStep) lockResync(ctx context.Context, atOnce bool) (*position, error) {
	var at *position
	var fresh bool
	var queries pgx.Batch
	queries.Queue(s.statement("resync_begin"))
	queries.Queue(s.statement("resync_lock"), atOnce).Query(func(rows pgx.Rows) error {
		var p position
		return postgres.ForEachRow(rows, []any{&fresh, &p.phase, &p.resumeAfter}, func() error {
			at = &p
			return nil
		})
	})
	if err := s.send(ctx, &queries); err != nil || at == nil {
		return nil, wrap("while locking a resync", err)
	}
	if !fresh {
		_, err := s.tx.Exec(ctx, s.statement("resync_skip_suspended"))
		return at, wrap("while leaving out suspended campaigns", err)
	}
	if _, err := s.tx.Exec(ctx, s.statement("resync_start")); err != nil {
		return nil, fmt.Errorf("while beginning a resync: %w", err)
	}
	if _, err := s.tx.Exec(ctx, s.statement("enqueue_lost")); err != nil {
		return nil, fmt.Errorf("while enqueueing lost rollouts and campaigns: %w", err)
	}
	return &position{phase: phaseRows}, nil
}

// compare compares one range, enqueues the lost steps of its erasures, and returns its end; nil: the
// last referee. It ends early if more referees differ than one batch should decide.
func (s *resyncer) compare(ctx context.Context, step *resyncStep, after string) (end *string, err error) {
	s.comparing = true
	if err := step.tx.QueryRow(ctx, step.statement("resync_range"), after, s.refereesPerRange).Scan(&end); err != nil {
		return nil, fmt.Errorf("while finding the end of a range: %w", err)
	}
	if err := checkFollows(end, after); err != nil {
		return nil, fmt.Errorf("while finding the end of a range: %w", err)
	}
	if s.refereesPerRange == 1 && end != nil {
		s.alone = *end
	}
	rows, err := step.tx.Query(ctx, step.statement("resync_find"), after, end, s.repairsPerStep+1)
	if err != nil {
		return nil, fmt.Errorf("while comparing: %w", err)
	}
	found, err := postgres.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("while comparing: %w", err)
	}
	grown := min(2*s.refereesPerRange, mostRefereesPerRange)
	if len(found) > s.repairsPerStep {
		found = found[:s.repairsPerStep]
		end = &found[len(found)-1]
		if err := checkFollows(end, after); err != nil {
			return nil, fmt.Errorf("while comparing: %w", err)
		}
		grown = max(min(s.refereesPerRange, leastRefereesPerRange), s.refereesPerRange/2)
	}
	if _, err := step.tx.Exec(ctx, step.statement("erase_enqueue_lost"), after, end); err != nil {
		return nil, fmt.Errorf("while enqueueing lost steps of erasures: %w", err)
	}
	step.countsLosses = true
	if err := s.repairFound(ctx, step, found); err != nil {
		return nil, err
	}
	s.refereesPerRange = grown
	return end, nil
}

// reversePermitted decides referees whose lost pairs may be reversed, and returns the last; empty:
// none are left.
func (s *resyncer) reversePermitted(ctx context.Context, step *resyncStep, after string) (last string, err error) {
	rows, err := step.tx.Query(ctx, step.statement("resync_permitted"), after, s.repairsPerStep)
	if err != nil {
		return "", fmt.Errorf("while finding lost pairs: %w", err)
	}
	found, err := postgres.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", fmt.Errorf("while finding lost pairs: %w", err)
	}
	found = found[:min(len(found), s.repairsPerStep)] // a server may send more than it is asked for
	if len(found) > 0 {
		last = found[len(found)-1]
		if err := checkFollows(&last, after); err != nil {
			return "", fmt.Errorf("while finding lost pairs: %w", err)
		}
	}
	return last, s.repairFound(ctx, step, found)
}

// repairFound decides and records the referees found.
func (s *resyncer) repairFound(ctx context.Context, step *resyncStep, found []string) error {
	if len(found) == 0 {
		return nil
	}
	for _, userID := range found {
		if err := checkID(userID); err != nil {
			return err
		}
	}
	s.repairing, s.alone = true, ""
	if len(found) == 1 {
		s.alone = found[0]
	}
	return step.repair(ctx, found)
}

// repair decides and records the referees found, and counts what differed as drift.
func (s *resyncStep) repair(ctx context.Context, found []string) error {
	var queries pgx.Batch
	queries.Queue(s.statement("begin"))
	queries.Queue(s.statement("lock_shards_of_referees"), found).Query(func(rows pgx.Rows) (err error) {
		s.shards, err = postgres.CollectRows(rows, pgx.RowTo[int16])
		return err
	})
	queries.Queue(s.statement("read_clock")).QueryRow(func(row pgx.Row) error { return row.Scan(&s.now, &s.hasIncidents) })
	if err := s.send(ctx, &queries); err != nil {
		return fmt.Errorf("while locking shards: %w", err)
	}
	repaired, err := s.repairPairs(ctx, found)
	if err != nil {
		return fmt.Errorf("while repairing altered pairs: %w", err)
	}
	if err := s.setReferees(found); err != nil {
		return err
	}
	for _, r := range s.referees {
		r.resynced = true
		for _, purchaseID := range repaired[r.UserID] {
			r.markDrift(purchaseID)
		}
	}
	if err := s.converge(ctx); err != nil {
		return err
	}
	for _, r := range s.referees {
		if r.cause != nil {
			continue
		}
		for row := range r.drift {
			d := s.driftOf(r.campaignOf(row))
			if row == attributionRow {
				d.attributions++
			} else {
				d.pairs++
			}
		}
	}
	return nil
}

// repairPairs puts back altered pairs whose original values follow from the checksum, and returns
// their purchases by referee.
func (s *resyncStep) repairPairs(ctx context.Context, found []string) (map[string][]string, error) {
	rows, err := s.tx.Query(ctx, s.statement("repair_pair"), found, reward.Reasons())
	if err != nil {
		return nil, err
	}
	repaired := map[string][]string{}
	var userID, purchaseID string
	err = postgres.ForEachRow(rows, []any{&userID, &purchaseID}, func() error {
		repaired[userID] = append(repaired[userID], purchaseID)
		return nil
	})
	return repaired, err
}

// driftOf returns the drift of a campaign.
func (s *resyncStep) driftOf(campaign string) *drift {
	if s.drift[campaign] == nil {
		s.drift[campaign] = &drift{}
	}
	return s.drift[campaign]
}

// campaignOf returns the campaign that a difference belongs to.
func (r *referee) campaignOf(row string) string {
	if p := r.pair(row); p != nil {
		return p.Campaign
	}
	if row := r.waitlistWithoutPair[row]; row != nil {
		return row.campaign
	}
	for _, a := range []*reward.Attribution{r.outcome.Attribution, r.Attribution} {
		if a != nil {
			return a.Campaign
		}
	}
	for i := range r.Ledger {
		if r.Ledger[i].PurchaseID == row {
			return r.Ledger[i].Campaign
		}
	}
	return ""
}

// recordDrift adds what was put right to the sums of the resync.
func (s *resyncStep) recordDrift(ctx context.Context) error {
	var campaigns []string
	var attributions, pairs, sums []int64
	for campaign, d := range s.drift {
		campaigns = append(campaigns, campaign)
		attributions = append(attributions, d.attributions)
		pairs = append(pairs, d.pairs)
		sums = append(sums, d.sums)
	}
	if len(campaigns) == 0 {
		return nil
	}
	_, err := s.tx.Exec(ctx, s.statement("resync_count"), campaigns, attributions, pairs, sums)
	return err
}

// logDrift logs what was repaired, after the commit.
func (s *resyncStep) logDrift() {
	for campaign, d := range s.drift {
		s.engine.stats.drift.Add(uint64(d.attributions + d.pairs + d.sums))
		s.engine.log.Warn("Repaired drift", "campaign", shown(campaign), "pairs", d.pairs, "attributions", d.attributions, "counters", d.sums)
	}
}

// wrap adds what was being done to an error; nil stays nil.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
