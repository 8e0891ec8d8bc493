package explain_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/explain"
)

func TestReferrerWithAHundredThousandFriendsIsAnswered(t *testing.T) {
	w := newWorld(t)
	w.write(`INSERT INTO referral.signup (user_id, code, signed_up_at)
		SELECT 'f' || n, 'a', now() - n * interval '1 s' FROM generate_series(1, 100000) AS n`)
	w.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'f' || n, 'p', 2000, 'USD' FROM generate_series(1, 100) AS n`)
	check(t, w.engine.Converge(t.Context()))

	first, err := explain.OfReferrer(t.Context(), w.reader, "anna", "")
	check(t, err)
	if want := [5]int64{0: 100_001 - 100, 2: 99, 3: 1}; first.Stages != want {
		t.Errorf("friends by stage: %v, want %v", first.Stages, want)
	}
	if len(first.Newest) != 50 || first.Complete || first.Newest[1].UserID != "f1" {
		t.Fatalf("%d friends, complete: %t: %+v", len(first.Newest), first.Complete, first.Newest[:2])
	}
	second, err := explain.OfReferrer(t.Context(), w.reader, "anna", first.Next)
	check(t, err)
	if len(second.Newest) != 50 || second.Newest[0].UserID != "f50" {
		t.Errorf("the next page begins with %+v", second.Newest[0])
	}
}

func TestRefereeWithSixtyThousandPurchasesIsAnswered(t *testing.T) {
	w := newWorld(t)
	w.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at)
		SELECT 'ben', 'p' || n, 2000, 'USD', now() - n * interval '1 s' FROM generate_series(1, 60000) AS n`)
	check(t, w.engine.Converge(t.Context()))

	review, err := explain.User(t.Context(), w.db, "ben", "")
	check(t, err)
	if len(review.Purchases) == 0 || len(review.Purchases) > 20 || !review.Truncated || len(review.Timeline) != 50 {
		t.Errorf("%d purchases, %d events, truncated: %t", len(review.Purchases), len(review.Timeline), review.Truncated)
	}
	one, err := explain.User(t.Context(), w.db, "ben", review.Purchases[0].PurchaseID)
	check(t, err)
	if len(one.Purchases) != 1 || one.Purchases[0].State == "" {
		t.Errorf("the one purchase: %+v", one.Purchases)
	}
}
