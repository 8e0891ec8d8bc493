package explain_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// longTimeout is for statements about very many rows on a busy machine. A plan that reads all rows for
// each of them takes hours.
const longTimeout = 5 * time.Minute

// friendsOf reads a page.
func (w *world) friendsOf(referrer, after string) explain.Friends {
	w.Helper()
	friends, err := explain.OfReferrer(w.Context(), w.reader, referrer, after)
	check(w, err)
	return friends
}

func TestReferrerWithAHundredThousandFriendsIsAnswered(t *testing.T) {
	const friends, buyers = 100_000, 100
	explain.SetStatementTimeout(t, longTimeout)
	w := newWorld(t)
	w.write(fmt.Sprintf(`INSERT INTO referral.signup (user_id, code, signed_up_at)
		SELECT 'f' || n, 'a', b.signed_up_at - n * interval '1 s' FROM referral.signup AS b, generate_series(1, %d) AS n WHERE b.user_id = 'ben';
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'f' || n, 'p', 2000, 'USD' FROM generate_series(1, %[1]d) AS n`, buyers))
	check(t, w.engine.Converge(t.Context()))
	// The engine would take long to attribute all of them.
	_, err := testworld.Pool(t, w.own.URI).Exec(t.Context(), fmt.Sprintf(`ALTER TABLE referral.signup DISABLE TRIGGER USER;
		INSERT INTO referral.signup (user_id, code, signed_up_at)
		SELECT 'f' || n, 'a', b.signed_up_at - n * interval '1 s' FROM referral.signup AS b, generate_series(%d, %d) AS n WHERE b.user_id = 'ben';
		ALTER TABLE referral.signup ENABLE TRIGGER USER;
		INSERT INTO referral.attribution (user_id, campaign, code, referrer_id, touched_at, source)
		SELECT s.user_id, l.campaign, l.code, l.referrer_id, s.signed_up_at, 'Code'
		  FROM referral.signup AS s JOIN referral.link AS l ON l.code = s.code
		    ON CONFLICT DO NOTHING`, buyers+1, friends))
	check(t, err)

	first := w.friendsOf("anna", "")
	if want := [5]int64{0: 1 + friends - buyers, 2: buyers - 1, 3: 1}; first.Stages != want {
		t.Errorf("friends by stage: %v, want %v", first.Stages, want)
	}
	if len(first.Newest) != 50 || first.Complete || first.Newest[1].UserID != "f1" {
		t.Fatalf("%d friends, complete: %t: %+v", len(first.Newest), first.Complete, first.Newest[:2])
	}
	for place, want := range map[string]string{first.Newest[0].Place: "f1", first.Newest[24].Place: "f25"} { // ben is the newest
		rest := w.friendsOf("anna", place)
		if len(rest.Newest) == 0 || rest.Newest[0].UserID != want {
			t.Errorf("after %s comes %+v", place, rest.Newest)
		}
	}
	second := w.friendsOf("anna", first.Next)
	if len(second.Newest) != 50 || second.Newest[0].UserID != "f50" {
		t.Errorf("the next page begins with %+v", second.Newest[0])
	}
}

func TestPagesListEachFriendOnceHoweverLongAgoItSignedUp(t *testing.T) {
	w := newWorld(t)
	w.write(`INSERT INTO referral.signup (user_id, code, signed_up_at)
		SELECT 'late' || n, 'a', timestamptz '294276-12-31 23:59:59.999999+00' - n * interval '1 microsecond' FROM generate_series(0, 119) AS n
		UNION ALL
		SELECT 'early' || n, 'a', timestamptz '4713-01-01 BC' + n * interval '1 microsecond' FROM generate_series(0, 119) AS n`)
	check(t, w.engine.Converge(t.Context()))
	var listed []string
	for after, page := "", 0; page < 6; page++ {
		friends, err := explain.OfReferrer(t.Context(), w.reader, "anna", after)
		check(t, err)
		for _, friend := range friends.Newest {
			listed = append(listed, friend.UserID)
		}
		if after = friends.Next; friends.Complete {
			break
		}
	}
	slices.Sort(listed)
	if once := slices.Compact(slices.Clone(listed)); len(once) != 241 || len(listed) != 241 {
		t.Errorf("%d different friends of 241 are listed in %d rows", len(once), len(listed))
	}
	for _, after := range []string{
		"x", "/x", "1", "1.5/x", "99999999999999999999/x", "2026-11-08T08:05:00Z/x",
		"9223371331200000000/x", "-211813488000000001/x", "1/a\x00b",
	} {
		if _, err := explain.OfReferrer(t.Context(), w.reader, "anna", after); !errors.Is(err, explain.ErrInvalidAfter) {
			t.Errorf("after %q: %v", after, err)
		}
	}
	for _, after := range []string{"9223371331199999999/x", "-211813488000000000/x"} {
		if _, err := explain.OfReferrer(t.Context(), w.reader, "anna", after); err != nil {
			t.Errorf("after %q: %v", after, err)
		}
	}
}

func TestRefereeWithSixtyThousandPurchasesIsAnswered(t *testing.T) {
	explain.SetStatementTimeout(t, longTimeout)
	w := newWorld(t)
	w.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('ben', 'first', 2000, 'USD', now() + interval '1 s');
		INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'first', '1', 500)`)
	check(t, w.engine.Converge(t.Context()))
	w.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at)
		SELECT 'ben', 'p' || n, 2000, 'USD', now() + interval '1 minute' + n * interval '1 s' FROM generate_series(1, 60000) AS n`)
	for _, state := range []string{explain.Undecided, "NotCounting"} { // NotFirstPurchase
		review, err := explain.User(t.Context(), w.db, "ben", "")
		check(t, err)
		if len(review.Purchases) == 0 || len(review.Purchases) > 20 || !review.Truncated || len(review.Timeline) != 50 {
			t.Errorf("%d purchases, %d events, truncated: %t", len(review.Purchases), len(review.Timeline), review.Truncated)
		}
		for _, p := range review.Purchases {
			if p.State != state || p.Pending != (state == explain.Undecided) || p.Amount != 2000 || p.Currency != "USD" {
				t.Errorf("want %s: %+v", state, p)
			}
		}
		if a := review.Attribution; a == nil || a.ReferrerID != "anna" || !review.SignedUp {
			t.Errorf("signed up: %t, attributed by %+v", review.SignedUp, a)
		}
		one, err := explain.User(t.Context(), w.db, "ben", "first")
		check(t, err)
		if len(one.Purchases) != 1 || one.Purchases[0].State != "Held" || one.Purchases[0].Amount != 1500 || len(one.Purchases[0].Credits) != 1 {
			t.Errorf("the one purchase: %+v", one.Purchases)
		}
		// As if it had been decided: nothing is recorded of a purchase that does not count.
		_, err = w.db.Exec(t.Context(), "DELETE FROM referral.change")
		check(t, err)
	}
}
