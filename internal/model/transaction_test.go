package model

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

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
	locked     []any // keys of rows that it has written
}

func (o transaction) happen(h *history) {
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
	committed, blanks := h.facts.clone(), maps.Clone(h.blanks)
	h.into = h.pending
	for _, what := range o.What {
		if what.happen(h); h.wrote > 0 {
			h.pending.locked = append(h.pending.locked, keysOf(what)...)
		}
	}
	h.into, h.facts, h.blanks = nil, committed, blanks
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
	switch o := o.(type) {
	case advance, lose, regain, truncate:
		return true
	case resync:
		return o.Hidden != nil
	case beside:
		return h.waitsForPending(o.What)
	}
	keys := keysOf(o)
	for _, what := range h.pending.what {
		if slices.ContainsFunc(keysOf(what), func(key any) bool { return slices.Contains(keys, key) }) {
			return true
		}
	}
	return false
}

// carryOutUnlocked carries out the erasures in the model, without the rows that the open transaction
// has locked.
func (h *history) carryOutUnlocked() {
	h.locked = h.lockedRows()
	h.carryOut()
	for user := range h.erasures {
		if !h.erasureWaits(user) {
			h.coverage.add("erasure that waits for a writer")
		}
	}
}

// lockedRows returns the rows that the open transaction corrects or deletes. Those that it inserts
// are not seen before its commit.
func (h *history) lockedRows() locks {
	all := locks{map[purchaseKey]bool{}, map[touchKey]bool{}, map[string]bool{}}
	if h.pending == nil {
		return all
	}
	for _, key := range h.pending.locked {
		switch key := key.(type) {
		case purchaseKey:
			all.purchases[key] = true
		case touchKey:
			all.touches[key] = true
		case signupKey:
			all.signups[string(key)] = true
		}
	}
	return all
}

// signupKey is the user of a signup.
type signupKey string

// keysOf returns the keys of the rows that an operation writes.
func keysOf(o operation) []any {
	type linkKey string
	type overrideKey purchaseKey
	switch o := o.(type) {
	case addLink:
		return []any{linkKey(o.Code)}
	case removeLink:
		return []any{linkKey(o.Code)}
	case moveLink:
		return []any{linkKey(o.Code), linkKey(o.To)}
	case addTouch:
		return []any{touchKey{o.Visitor, o.ID}}
	case removeTouch:
		return []any{touchKey{o.Visitor, o.ID}}
	case moveTouch:
		return []any{touchKey{o.Visitor, o.ID}, touchKey{o.ToVisitor, o.ToID}}
	case addSignup:
		return []any{signupKey(o.User)}
	case removeSignup:
		return []any{signupKey(o.User)}
	case moveSignup:
		return []any{signupKey(o.User), signupKey(o.To)}
	case addPurchase:
		return []any{purchaseKey{o.User, o.ID}}
	case removePurchase:
		return []any{purchaseKey{o.User, o.ID}}
	case movePurchase:
		return []any{purchaseKey{o.User, o.ID}, purchaseKey{o.ToUser, o.ToID}}
	case addRefund:
		return []any{refundKey{o.User, o.Purchase, o.ID}}
	case removeRefund:
		return []any{refundKey{o.User, o.Purchase, o.ID}}
	case addOverride:
		return []any{overrideKey{o.User, o.Purchase}}
	case noOverride:
		return []any{overrideKey{o.User, o.Purchase}}
	}
	return nil
}

func TestErasureSkipsWhatAWriterHasLockedAndComesBackForIt(t *testing.T) {
	s := newShop(t)
	policy := terms{Every: true, Rewards: fiveDollars, Condition: "purchase.attributes[?'category'].orValue('') != 'gift-card'"}
	purchase := addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 95, Category: "book"}
	begin := []operation{
		declare{Campaign: "one", Window: 720, Policy: policy, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "eve"},
		addTouch{Visitor: "v1", ID: "t1", Code: "a", At: 80},
		addTouch{Visitor: "v1", ID: "t2", Code: "a", At: 81},
		addSignup{User: "ann", Visitor: "v1", At: 90, Prints: []string{"x"}},
		addSignup{User: "bob", Visitor: "v1", At: 90},
		addSignup{User: "eve", At: 70, Prints: []string{"x"}},
		purchase,
		addPurchase{User: "ann", ID: "p2", Amount: 1000, Currency: "USD", At: 95},
	}
	giftCard := purchase
	giftCard.Category = "gift-card"
	for name, locks := range map[string]operation{
		"purchase":         giftCard,
		"purchase deleted": removePurchase{User: "ann", ID: "p1"},
		"signup":           addSignup{User: "ann", Visitor: "v2", At: 91, VIP: true},
		"signup deleted":   removeSignup{User: "ann"},
		"touch":            addTouch{Visitor: "v1", ID: "t1", Code: "a", At: 85},
		"touch deleted":    removeTouch{Visitor: "v1", ID: "t2"},
	} {
		for _, commit := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " commit ", commit), func(t *testing.T) {
				s.play(t, slices.Concat(begin, []operation{
					transaction{What: []operation{locks}},
					erase{User: "ann"},
					converge{},
					addSignup{User: "dan", Visitor: "v1", At: 91},
					converge{Batch: 1},
					finish{Commit: commit},
					converge{Batch: 1, Again: true},
				}))
			})
		}
	}
}
