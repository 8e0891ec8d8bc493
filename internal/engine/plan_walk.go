package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

const planRetries = 5 // of a range, after conflicts and lost connections

// planRange is one key range of a plan: a batch that only reads.
type planRange struct {
	*batch
	pending bool // changes wait to be decided: batches go first

	pendingReferees int64 // those of the range that changes wait for, or with a hold that has ended
}

// walk calls add with each key range of the referees that the campaign concerns, decided under the
// proposed configuration. A range that holds too much, or takes too long, is halved, down to one
// referee, which is then left out.
func (p *plan) walk(ctx context.Context, add func(*planRange) error) error {
	rows, most, failures := leastRefereesPerRange, p.engine.usualBatch(), 0
	delay := newBackoff()
	for after, more := "", true; more; {
		began := time.Now()
		r := &planRange{batch: newBatch(p.engine, p.proposed, turn{size: most})}
		end, found, err := p.read(ctx, r, after, rows, most)
		if err == nil {
			err = add(r)
		}
		r.releaseMemory()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			failures = 0
			delay.Reset()
		case errors.Is(err, errMemoryInUse):
			pause(ctx, delay.NextBackOff())
			continue
		case rangeTooLarge(err):
			switch {
			case most > 1:
				most = max(1, most/2)
				continue
			case rows > 1:
				rows = 1
				continue
			}
			if end == nil {
				return err
			}
			// One referee alone, which would be set aside.
		case retryable(err) && failures < planRetries:
			failures++
			pause(ctx, delay.NextBackOff())
			continue
		default:
			return err
		}
		if more = end != nil; more {
			after = *end
		}
		switch {
		case 2*found >= most:
			most = min(2*most, p.engine.usualBatch())
		case rows < mostRefereesPerRange:
			rows *= 2
		}
		if r.now.After(p.result.To) {
			p.result.To = r.now
		}
		pauseForBatches(ctx, time.Since(began), r.pending)
	}
	return nil
}

// rangeTooLarge reports whether a smaller range may succeed.
func rangeTooLarge(err error) bool {
	if errors.Is(err, errOutOfOrder) {
		return false
	}
	return errors.Is(err, errBatchTooLarge) || errors.Is(err, errRefereeTooLarge) || postgres.FaultOf(err) == postgres.FaultBatch
}

// read loads and decides the referees of the next range, and returns the range's end (nil: it has
// none) and the number of referees found.
func (p *plan) read(ctx context.Context, r *planRange, after string, rows, most int) (end *string, found int, err error) {
	err = p.engine.db.Snapshot(ctx, func(tx pgx.Tx) error {
		r.tx = tx
		if _, err := tx.Exec(ctx, r.statement("begin")); err != nil {
			return err
		}
		var epoch int64
		if err := tx.QueryRow(ctx, r.statement("plan_fence")).Scan(&epoch, &r.pending); err != nil {
			return err
		}
		if epoch != p.inForce.Epoch {
			return ErrConfigurationMoved
		}
		if err := tx.QueryRow(ctx, r.statement("resync_range"), after, rows).Scan(&end); err != nil {
			return err
		}
		if err := checkFollows(end, after); err != nil {
			return err
		}
		users, err := p.find(ctx, r, after, end, most)
		if err != nil {
			return err
		}
		if found = len(users); found == most {
			end = &users[found-1]
		}
		if err := checkFollows(end, after); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, r.statement("read_clock")).Scan(&r.now, &r.hasIncidents); err != nil || found == 0 {
			return err
		}
		if err := r.setReferees(users); err != nil {
			return err
		}
		r.resyncs = p.drifts
		for _, referee := range r.referees {
			referee.resynced = p.drifts
		}
		if p.attributes {
			r.touches = p.loadTouches
		}
		if err := r.load(ctx); err != nil {
			return err
		}
		if err := r.decide(); err != nil {
			return err
		}
		r.leaveOutUnfit()
		if err := r.countPending(ctx); err != nil {
			return err
		}
		return p.leaveOutWithheld(ctx, r)
	})
	return end, found, err
}

// countPending counts the referees that a batch is about to decide.
func (r *planRange) countPending(ctx context.Context) error {
	var pending map[string]bool
	if r.pending {
		var err error
		if pending, err = r.findPending(ctx); err != nil {
			return err
		}
	}
	for _, referee := range r.referees {
		if pending[referee.UserID] || referee.isDue(r.batch) {
			r.pendingReferees++
		}
	}
	return nil
}

// leaveOutUnfit leaves out referees with texts that no table of the schema takes, since a plan adds
// up by currency and beneficiary, and keeps these texts to its end.
func (r *planRange) leaveOutUnfit() {
	r.referees = slices.DeleteFunc(r.referees, func(referee *referee) bool {
		unfit := false
		ids := func(all ...string) {
			unfit = unfit || slices.ContainsFunc(all, func(id string) bool { return checkID(id) != nil })
		}
		credits := func(all []reward.Credit) {
			for i := range all {
				ids(all[i].Reward, all[i].BeneficiaryID)
				unfit = unfit || !database.IsCurrency(all[i].Currency)
			}
		}
		for i := range referee.Purchases {
			ids(referee.Purchases[i].ID)
			unfit = unfit || !database.IsCurrency(referee.Purchases[i].Currency)
		}
		for i := range referee.Pairs {
			ids(referee.Pairs[i].PurchaseID, referee.Pairs[i].ReferrerID)
			credits(referee.Pairs[i].Credits)
		}
		for i := range referee.Ledger {
			sum := &referee.Ledger[i]
			ids(sum.PurchaseID, sum.Reward, sum.Campaign, sum.BeneficiaryID)
			unfit = unfit || !database.IsCurrency(sum.Currency)
		}
		for i := range referee.outcome.Decisions {
			ids(referee.outcome.Decisions[i].ReferrerID)
			credits(referee.outcome.Decisions[i].Credits)
		}
		return unfit
	})
}

func (p *plan) find(ctx context.Context, r *planRange, after string, end *string, most int) ([]string, error) {
	rows, err := r.tx.Query(ctx, r.statement("plan_find"), pgx.StrictNamedArgs{
		"campaign": p.request.Campaign.Name, "after": after, "last": end, "attributes": p.attributes, "limit": most,
	})
	if err != nil {
		return nil, err
	}
	users, err := postgres.CollectRows(rows, pgx.RowTo[string])
	return users[:min(len(users), most)], err // a server may send more than it is asked for
}

// loadTouches reads the touches that decide signups under the proposed configuration.
func (p *plan) loadTouches(b *batch, q *pgx.Batch, visited *touchColumns) {
	var names []string
	var starts, ends []*time.Time
	var windows []int64
	for name, c := range p.proposed.Reward.Campaigns {
		if c.Mode == reward.Closed || c.Mode == reward.Reversing {
			continue
		}
		names = append(names, name)
		starts, ends = append(starts, nullable(c.StartsAt)), append(ends, nullable(c.EndsAt))
		windows = append(windows, c.AttributionWindow.Microseconds())
	}
	q.Queue(b.statement("plan_touch"), pgx.StrictNamedArgs{
		"user_ids": visited.UserIDs, "visitor_ids": visited.VisitorIDs, "signed_up_at": visited.SignedUpAt,
		"campaigns": names, "starts_at": starts, "ends_at": ends, "windows": windows,
		"last_touch": p.proposed.Reward.Attribution != reward.FirstTouch,
	}).Query(b.eachTouch())
}

// nullable returns nil for the zero time.
func nullable(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// leaveOutWithheld drops the decisions about referees that a batch would withhold whole.
func (p *plan) leaveOutWithheld(ctx context.Context, r *planRange) error {
	if !r.hasIncidents {
		return nil
	}
	var q pgx.Batch
	var userID, purchaseID string
	q.Queue(r.statement("plan_withheld"), r.userIDs()).Query(r.each([]any{&userID, &purchaseID}, func() {
		if referee := r.byID[userID]; referee.evidence(purchaseID) == rowsMissing {
			referee.setAside(errWithheld)
		}
	}))
	return r.send(ctx, &q)
}

var errWithheld = errors.New("the referee is withheld")
