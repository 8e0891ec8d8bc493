package model

import (
	"context"

	"github.com/jackc/pgx/v5"
)

type (
	// transaction writes facts in a transaction that stays open, or adds them to the open one. A
	// REPEATABLE READ transaction writes all its facts at once.
	transaction struct {
		Repeatable bool
		What       []operation
	}
	// finish ends the open transaction.
	finish struct{ Commit bool }
)

// pending is an open transaction of the application.
type pending struct {
	pgx.Tx
	repeatable bool
	began      at
	what       []operation
}

func (o transaction) happen(h *history) {
	if len(h.erasures) > 0 { // an open transaction would delay the erasure
		return
	}
	if p := h.pending; p != nil && (p.repeatable || o.Repeatable) {
		finish{Commit: true}.happen(h)
	}
	if h.pending == nil {
		options := pgx.TxOptions{IsoLevel: pgx.ReadCommitted}
		if o.Repeatable {
			options.IsoLevel = pgx.RepeatableRead
		}
		tx, err := h.writer.BeginTx(context.Background(), options)
		must(h.t, err)
		h.pending = &pending{Tx: tx, repeatable: o.Repeatable, began: h.clock()}
	}
	committed := h.facts.clone()
	h.into = h.pending
	for _, what := range o.What {
		what.happen(h)
	}
	h.into, h.facts = nil, committed
	h.pending.what = append(h.pending.what, o.What...)
}

// happen applies the facts to the model once they are committed. Their time of arrival is the
// beginning of the transaction.
func (o finish) happen(h *history) {
	p := h.pending
	if p == nil {
		return
	}
	h.pending = nil
	if !o.Commit {
		must(h.t, p.Rollback(context.Background()))
		return
	}
	h.moment, h.mute = p.began, true
	for _, what := range p.what {
		what.happen(h)
	}
	h.moment, h.mute = 0, false
	must(h.t, p.Commit(context.Background()))
	h.coverage.add("transaction that stayed open")
}

// waitsForPending reports whether an operation would wait for the open transaction.
func (h *history) waitsForPending(o operation) bool {
	if h.pending == nil {
		return false
	}
	if len(h.erasures) > 0 {
		return true
	}
	switch o := o.(type) {
	case advance, erase, lose, regain:
		return true
	case resync:
		return o.Hidden != nil
	case beside:
		return h.waitsForPending(o.What)
	}
	for _, what := range h.pending.what {
		if key := keyOf(o); key != nil && key == keyOf(what) {
			return true
		}
	}
	return false
}

// keyOf returns the key of the row that an operation writes; nil: it writes no fact.
func keyOf(o operation) any {
	type link string
	type signup string
	type override purchaseKey
	switch o := o.(type) {
	case addLink:
		return link(o.Code)
	case removeLink:
		return link(o.Code)
	case addTouch:
		return touchKey{o.Visitor, o.ID}
	case removeTouch:
		return touchKey{o.Visitor, o.ID}
	case addSignup:
		return signup(o.User)
	case removeSignup:
		return signup(o.User)
	case addPurchase:
		return purchaseKey{o.User, o.ID}
	case removePurchase:
		return purchaseKey{o.User, o.ID}
	case addRefund:
		return refundKey{o.User, o.Purchase, o.ID}
	case removeRefund:
		return refundKey{o.User, o.Purchase, o.ID}
	case addOverride:
		return override{o.User, o.Purchase}
	case noOverride:
		return override{o.User, o.Purchase}
	}
	return nil
}
