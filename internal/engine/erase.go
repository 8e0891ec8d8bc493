package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// An erasure removes what identifies a person. It is carried out in steps, each in a batch that has
// locked the user's shard and has just decided the user from the current facts:
//
//	fix the attribution ─► blank purchases ─► record shared fingerprints, blank the signup ─► actions
//	list other signups of the visitor ─► wait until each is decided ─► move the touches
//	      ▲ another signup came                                   ◄─────────┘
//
// A step finds the remaining rows by the marks on them, so it may be repeated. It skips a fact that
// a writer has locked, and comes back for it. A step that fails is postponed alone: what else the
// batch did is committed.

const (
	suspendedWait = 5 * time.Second // while a campaign is suspended

	// A step that changed nothing, since a writer has rows locked or signups are still to be decided,
	// and one that failed, wait at least so long, and longer the older the request is.
	unchangedWait      = time.Second
	failedWait         = 5 * time.Second
	longestErasureWait = 5 * time.Minute

	// A step waits for locks only briefly, since the batch keeps locks that others wait for. Once one
	// has waited in vain, a table is likely locked against writing, so the further steps of the batch
	// wait hardly at all.
	erasureLockTimeout        = time.Second
	furtherErasureLockTimeout = 10 * time.Millisecond

	visitorsAStep = 100

	// erasuresPerBatch bounds how long a batch keeps its locks: an erasure takes as long as the
	// decisions about hundreds of referees.
	erasuresPerBatch = 20
)

// errErasure reports that a step of an erasure failed, not a decision, and that the connection was of
// no use afterwards.
var errErasure = errors.New("while erasing a user")

// erasure is one step of erasing a user.
type erasure struct {
	*referee
	signup      *int64           // hash of the loaded signup; nil: there is none
	purchases   map[string]int64 // hashes of the loaded purchases, by id
	fullyLoaded bool             // everything that a decision needs was loaded
	progressed  bool             // the step changed something
	postponed   bool             // the step failed before, or the attribution could not be recorded or fixed
}

// sawSignup stores the hash of the loaded signup.
func (e *erasure) sawSignup(hash int64) {
	if e != nil {
		e.signup = &hash
	}
}

// sawPurchase stores the hash of a loaded purchase.
func (e *erasure) sawPurchase(id string, hash int64) {
	if e == nil {
		return
	}
	if e.purchases == nil {
		e.purchases = map[string]int64{}
	}
	e.purchases[id] = hash
}

// markLoaded records that everything was loaded.
func (e *erasure) markLoaded() {
	if e != nil {
		e.fullyLoaded = true
	}
}

// postpone makes this batch leave the step out, or not do it again.
func (e *erasure) postpone(b *batch, cause error) {
	if e != nil {
		e.postponed = true
		b.logAfterCommit("Postponed an erasure: table erasing names the user", postgres.Short(cause))
	}
}

// loadAside loads what an erasure needs of a referee that is set aside. If its data prevents that,
// it is erased without. What ended the connection of the last turn is not loaded again.
func (b *batch) loadAside(ctx context.Context, r *referee) error {
	if r.erases == nil || errors.Is(b.turn.cause, errEndedConnection) {
		return nil
	}
	_, err := b.attempt(ctx, causedByBatch, b.load)
	return err
}

// fixed reports whether the referee's attribution stays although no touch leads to it any more.
func (r *referee) fixed() bool {
	a := r.outcome.Attribution
	return a != nil && a.Forgotten()
}

// dequeueErasures makes the batch do the next steps of the erasures of these users. Those beyond
// erasuresPerBatch are enqueued again.
func (b *batch) dequeueErasures(ctx context.Context, users []string) error {
	if len(users) > erasuresPerBatch {
		if _, err := b.tx.Exec(ctx, b.statement("erase_enqueue"), users[erasuresPerBatch:]); err != nil {
			return err
		}
		users = users[:erasuresPerBatch]
	}
	for _, userID := range users {
		r := b.byID[userID]
		r.erases = &erasure{referee: r}
		b.erasures = append(b.erasures, r.erases)
	}
	return nil
}

// erase fixes attributions and does the batch's steps of erasures, after its referees were
// recorded. If fixing fails while the only referee of the batch is set aside, nothing is left to
// split: its step is postponed.
func (b *batch) erase(ctx context.Context) error {
	if len(b.fixes) > 0 {
		if err := b.fix(ctx); err != nil {
			return fmt.Errorf("while fixing attributions: %w", err)
		}
	}
	if len(b.erasures) > 0 {
		if err := b.eraseSteps(ctx); err != nil {
			return fmt.Errorf("%w: %w", errErasure, err)
		}
	}
	return nil
}

func (b *batch) fix(ctx context.Context) error {
	if len(b.referees) != 1 || b.referees[0].cause == nil {
		return b.fixAttributions(ctx)
	}
	failure, err := b.attemptAside(ctx, b.fixAttributions)
	if failure != nil {
		b.logNotFixed(failure)
		b.referees[0].erases.postpone(b, failure)
	}
	return err
}

// fixAttributions fixes attributions. A referee whose attribution follows the facts again is decided
// once more first: its recorded attribution is one that only a reversed pair kept.
func (b *batch) fixAttributions(ctx context.Context) error {
	var now, later []string
	for _, userID := range b.fixes {
		if b.reevaluates(userID) {
			later = append(later, userID)
		} else {
			now = append(now, userID)
		}
	}
	var fixes pgx.Batch
	if len(now) > 0 {
		fixes.Queue(b.statement("erase_fix"), now)
	}
	if len(later) > 0 {
		fixes.Queue(b.statement("erase_fix_later"), later)
	}
	return b.send(ctx, &fixes)
}

// eraseSteps does the steps, each in a savepoint. A step that fails because rows are refused, are
// too slow or are in a locked table is postponed. After one that took too long, the others are left
// to the next batch.
func (b *batch) eraseSteps(ctx context.Context) error {
	if err := b.limitWaits(ctx, erasureLockTimeout); err != nil {
		return err
	}
	for i, e := range b.erasures {
		failure, err := b.attempt(ctx, postgres.Divisible, func(ctx context.Context) error { return b.eraseStep(ctx, e) })
		if err != nil {
			return err
		}
		if failure == nil {
			continue
		}
		failure = b.engine.logPanic("the step of an erasure broke off", failure)
		e.postpone(b, failure)
		if err := b.postponeErasure(ctx, e, failedWait); err != nil {
			return err
		}
		switch {
		case postgres.LockTimeout(failure):
			if err := b.limitWaits(ctx, furtherErasureLockTimeout); err != nil {
				return err
			}
		case postgres.StatementTimeout(failure):
			if err := b.enqueueErasures(ctx, b.erasures[i+1:]); err != nil {
				return err
			}
			return b.limitWaits(ctx, lockTimeout)
		}
	}
	return b.limitWaits(ctx, lockTimeout)
}

// limitWaits bounds each further wait of the batch for a lock.
func (b *batch) limitWaits(ctx context.Context, timeout time.Duration) error {
	return postgres.SetTimeouts(ctx, b.tx, timeout, stepTimeout)
}

// enqueueErasures enqueues the next steps of erasures.
func (b *batch) enqueueErasures(ctx context.Context, erasures []*erasure) error {
	users := make([]string, len(erasures))
	for i, e := range erasures {
		users[i] = e.UserID
	}
	_, err := b.tx.Exec(ctx, b.statement("erase_enqueue"), users)
	return err
}

// postponeErasure postpones the next step of an erasure by at least the given time.
func (b *batch) postponeErasure(ctx context.Context, e *erasure, least time.Duration) error {
	_, err := b.tx.Exec(ctx, b.statement("erase_postpone"), e.UserID, least.Microseconds(), longestErasureWait.Microseconds(), "")
	return err
}

// reevaluates reports whether the batch has enqueued the referee for re-evaluation. Recording the
// batch has sorted these referees.
func (b *batch) reevaluates(userID string) bool {
	_, found := slices.BinarySearch(b.reevaluate, userID)
	return found
}

// eraseStep does one step of an erasure, and enqueues the next if there is one.
func (b *batch) eraseStep(ctx context.Context, e *erasure) error {
	if e.postponed {
		return b.postponeErasure(ctx, e, failedWait)
	}
	if b.reevaluates(e.UserID) {
		return b.enqueueErasures(ctx, []*erasure{e})
	}
	if campaign := b.suspends(e.referee); campaign != "" {
		wait := suspendedWait.Microseconds()
		_, err := b.tx.Exec(ctx, b.statement("erase_postpone"), e.UserID, wait, wait, campaign)
		return err
	}
	var begin pgx.Batch
	begin.Queue(b.statement("erase_begin"), e.UserID)
	begin.Queue(b.statement("erase_fix"), []string{e.UserID})
	if err := b.send(ctx, &begin); err != nil {
		return err
	}
	if err := b.eraseVisitors(ctx, e); err != nil {
		return err
	}
	whole, err := b.erasePurchases(ctx, e)
	if err != nil {
		return err
	}
	// A condition may read both signup and purchases, so the signup comes last.
	if whole && e.signup != nil {
		if err := b.eraseSignup(ctx, e); err != nil {
			return err
		}
	}
	if _, err := b.eraseRows(ctx, e, "erase_actions", e.UserID, b.portion()); err != nil {
		return err
	}
	return b.eraseNext(ctx, e)
}

// suspends returns the suspended campaign that the referee is attributed to, or nothing.
func (b *batch) suspends(r *referee) string {
	a := r.outcome.Attribution
	if r.cause != nil {
		a = r.Attribution
	}
	if a == nil {
		return ""
	}
	if campaign := b.config.Reward.Campaigns[a.Campaign]; campaign == nil || campaign.Mode != reward.Suspended {
		return ""
	}
	return a.Campaign
}

// eraseNext ends the erasure when nothing is left. Otherwise the next step follows at once, or
// later if this one changed nothing.
func (b *batch) eraseNext(ctx context.Context, e *erasure) error {
	var purchases, signup, actions, visitors bool
	if err := b.tx.QueryRow(ctx, b.statement("erase_remaining"), e.UserID).Scan(&purchases, &signup, &actions, &visitors); err != nil {
		return err
	}
	switch {
	case !purchases && !signup && !actions && !visitors:
		_, err := b.tx.Exec(ctx, b.statement("erase_end"), e.UserID)
		return err
	case e.progressed:
		return b.enqueueErasures(ctx, []*erasure{e})
	}
	return b.postponeErasure(ctx, e, unchangedWait)
}

// retryErasures enqueues the postponed steps that are due, or all of them, and reports whether
// there were any.
func (e *Engine) retryErasures(ctx context.Context, all bool) (some bool, err error) {
	tag, err := e.db.Exec(ctx, e.statement("erase_enqueue_postponed"), all, suspendedWait.Microseconds())
	if err != nil {
		return false, fmt.Errorf("while enqueueing erasures: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}
