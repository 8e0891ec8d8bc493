package engine

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// What one step of an erasure changes: touches, purchases, the signup. Each function finds the rows
// that remain, and reports what is left.

// portion is how many rows one statement of an erasure changes at most.
func (b *batch) portion() int { return b.engine.options.BatchSize }

// eraseRows runs a statement that changes rows and returns how many it changed, and records whether
// it changed any.
func (b *batch) eraseRows(ctx context.Context, e *erasure, statement string, arguments ...any) (changed int64, err error) {
	if err := b.tx.QueryRow(ctx, b.statement(statement), arguments...).Scan(&changed); err != nil {
		return 0, err
	}
	e.progressed = e.progressed || changed > 0
	return changed, nil
}

// erasingVisitor is a row of referral.erasing_visitor.
type erasingVisitor struct {
	ID              string
	Listed, Settled bool
}

// eraseVisitors does the next step for each visitor: its other signups are enqueued so that their
// attributions become fixed, and once all of them are decided the touches are moved.
func (b *batch) eraseVisitors(ctx context.Context, e *erasure) error {
	rows, err := b.tx.Query(ctx, b.statement("erase_visitors"), e.UserID, visitorsAStep)
	if err != nil {
		return err
	}
	visitors, err := postgres.CollectRows(rows, pgx.RowToStructByPos[erasingVisitor])
	if err != nil {
		return err
	}
	for _, v := range visitors {
		if err := b.eraseVisitor(ctx, e, v); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) eraseVisitor(ctx context.Context, e *erasure, v erasingVisitor) error {
	progressed := false
	if !v.Listed {
		if err := b.tx.QueryRow(ctx, b.statement("erase_list"), e.UserID, v.ID, b.portion()).Scan(&v.Listed); err != nil {
			return err
		}
		progressed = true
	}
	if v.Listed && !v.Settled {
		var pending bool
		if err := b.tx.QueryRow(ctx, b.statement("erase_settle"), e.UserID, v.ID, b.portion()).Scan(&v.Settled, &pending); err != nil {
			return err
		}
		progressed = progressed || !pending
	}
	if v.Settled {
		changed, listedAgain, err := b.eraseTouches(ctx, e, v.ID)
		if err != nil {
			return err
		}
		// A signup may be listed again and again, until its attribution can be recorded.
		progressed = !listedAgain && (progressed || changed)
	}
	e.progressed = e.progressed || progressed
	return nil
}

// eraseTouches moves touches of a visitor to random visitors, unless a signup came that may need
// them: then the visitor's signups are listed again. It reports whether anything was moved or
// finished.
func (b *batch) eraseTouches(ctx context.Context, e *erasure, visitorID string) (changed, listedAgain bool, err error) {
	var looked, moved, done int64
	if err := b.tx.QueryRow(ctx, b.statement("erase_touches"), e.UserID, visitorID, b.portion()).Scan(&looked, &moved, &listedAgain); err != nil {
		return false, false, err
	}
	if listedAgain || looked >= int64(b.portion()) {
		return moved > 0, listedAgain, nil
	}
	if err := b.tx.QueryRow(ctx, b.statement("erase_visitor_done"), e.UserID, visitorID).Scan(&done); err != nil {
		return false, false, err
	}
	return moved > 0 || done > 0, false, nil
}

// erasePurchases blanks purchases and records whether their conditions held. It reports whether all
// loaded purchases are blanked.
func (b *batch) erasePurchases(ctx context.Context, e *erasure) (all bool, err error) {
	var ids []string
	var hashes []int64
	var held []bool
	add := func(id string, hash int64, holds bool) {
		ids, hashes, held = append(ids, id), append(hashes, hash), append(held, holds)
	}
	if e.fullyLoaded {
		holds := reward.ConditionsHeld(b.config.Reward, &e.Referee)
		for i := range e.Purchases {
			if p := &e.Purchases[i]; !p.Blanked {
				add(p.ID, e.purchases[p.ID], holds[p.ID])
			}
		}
	} else {
		rows, err := b.tx.Query(ctx, b.statement("erase_unloadable"), e.UserID, b.portion())
		if err != nil {
			return false, err
		}
		var id string
		var hash int64
		var holds bool
		if err := postgres.ForEachRow(rows, []any{&id, &hash, &holds}, func() error {
			add(id, hash, holds)
			return nil
		}); err != nil {
			return false, err
		}
	}
	if len(ids) == 0 {
		return true, nil
	}
	blanked, err := b.eraseRows(ctx, e, "erase_purchases", pgx.StrictNamedArgs{
		"user_id": e.UserID, "purchase_ids": ids, "hashes": hashes, "conditions_held": held, "limit": b.portion(),
	})
	return blanked == int64(len(ids)), err
}

// eraseSignup records the users that share a fingerprint, and blanks the signup once all of them
// are recorded.
func (b *batch) eraseSignup(ctx context.Context, e *erasure) error {
	if len(e.Signup.Fingerprints) > 0 || e.longFingerprints {
		recorded, err := b.eraseShare(ctx, e)
		if err != nil || recorded >= int64(b.portion()) {
			return err
		}
	}
	_, err := b.eraseRows(ctx, e, "erase_signup", e.UserID, *e.signup)
	return err
}

// eraseShare records users that share a fingerprint, and returns how many rows it wrote.
func (b *batch) eraseShare(ctx context.Context, e *erasure) (recorded int64, err error) {
	var share pgx.Batch
	share.Queue(b.statement("use_bitmaps"))
	share.Queue(b.statement("erase_share"), e.UserID, b.portion()).Exec(func(tag pgconn.CommandTag) error {
		recorded = tag.RowsAffected()
		return nil
	})
	share.Queue(b.statement("use_indexes"))
	if err := b.send(ctx, &share); err != nil {
		return 0, err
	}
	e.progressed = e.progressed || recorded > 0
	return recorded, nil
}
