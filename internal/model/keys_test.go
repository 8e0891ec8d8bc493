package model

import (
	"slices"
	"testing"
)

// Corrections of a fact's key: the fact is deleted under one key and exists under the other. They
// change nothing if the fact does not exist, or if the other key is taken.
type (
	moveLink     struct{ Code, To string }
	moveTouch    struct{ Visitor, ID, ToVisitor, ToID string }
	moveSignup   struct{ User, To string }
	movePurchase struct{ User, ID, ToUser, ToID string }
)

// move moves the row of a key, and reports whether it did.
func move[K comparable, V any](rows map[K]V, from, to K) bool {
	row, found := rows[from]
	if _, taken := rows[to]; !found || taken {
		return false
	}
	delete(rows, from)
	rows[to] = row
	return true
}

func (o moveLink) happen(h *history) {
	move(h.links, o.Code, o.To)
	h.write(h.t, `UPDATE referral.link SET code = $2 WHERE code = $1 AND NOT EXISTS (SELECT FROM referral.link WHERE code = $2)`, o.Code, o.To)
}

// A touch that an erasure has blanked stays where it is.
func (o moveTouch) happen(h *history) {
	if _, taken := h.blanks[touchKey{o.ToVisitor, o.ToID}]; !taken {
		move(h.touches, touchKey{o.Visitor, o.ID}, touchKey{o.ToVisitor, o.ToID})
	}
	h.write(h.t, `UPDATE referral.touch SET (visitor_id, touch_id) = ($3, $4) WHERE (visitor_id, touch_id) = ($1, $2)
		AND NOT EXISTS (SELECT FROM referral.touch WHERE (visitor_id, touch_id) = ($3, $4))`, o.Visitor, o.ID, o.ToVisitor, o.ToID)
}

func (o moveSignup) happen(h *history) {
	move(h.signups, o.User, o.To)
	h.write(h.t, `UPDATE referral.signup SET user_id = $2 WHERE user_id = $1 AND NOT EXISTS (SELECT FROM referral.signup WHERE user_id = $2)`, o.User, o.To)
}

func (o movePurchase) happen(h *history) {
	if move(h.purchases, purchaseKey{o.User, o.ID}, purchaseKey{o.ToUser, o.ToID}) {
		h.coverage.add("purchase with another key")
	}
	h.write(h.t, `UPDATE referral.purchase SET (user_id, purchase_id) = ($3, $4) WHERE (user_id, purchase_id) = ($1, $2)
		AND NOT EXISTS (SELECT FROM referral.purchase WHERE (user_id, purchase_id) = ($3, $4))`, o.User, o.ID, o.ToUser, o.ToID)
}

func TestFactWithAnotherKeyIsDecidedUnderBoth(t *testing.T) {
	s := newShop(t)
	for name, moves := range map[string]operation{
		"link":                        moveLink{Code: "a", To: "b"},
		"touch":                       moveTouch{Visitor: "v1", ID: "t1", ToVisitor: "v2", ToID: "t1"},
		"signup":                      moveSignup{User: "ann", To: "dan"},
		"purchase":                    movePurchase{User: "ann", ID: "p1", ToUser: "ann", ToID: "p2"},
		"purchase of another person":  movePurchase{User: "ann", ID: "p1", ToUser: "bob", ToID: "p1"},
		"purchase whose key is taken": movePurchase{User: "ann", ID: "p1", ToUser: "cat", ToID: "p1"},
	} {
		t.Run(name, func(t *testing.T) {
			begin := []operation{
				declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars, Cap: 2}, Scope: "NewPairs"},
				addLink{Code: "a", Campaign: "one", Referrer: "eve"},
				addTouch{Visitor: "v1", ID: "t1", Code: "a", At: 80},
				addSignup{User: "ann", Visitor: "v1", At: 85, Prints: []string{"x"}},
				addSignup{User: "bob", Code: "a", At: 85},
				addSignup{User: "cat", Visitor: "v2", At: 85},
				addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 90},
				addPurchase{User: "cat", ID: "p1", Amount: 1000, Currency: "USD", At: 90},
			}
			s.play(t, slices.Concat(begin, []operation{moves, converge{}, resync{}}))
			s.play(t, slices.Concat(begin, []operation{converge{}, moves, converge{Batch: 1, Again: true}, resync{}}))
			s.play(t, slices.Concat(begin, []operation{transaction{What: []operation{moves}}, converge{}, finish{Commit: true}, converge{}, resync{}}))
		})
	}
}
