package engine_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestOldTouchesAreDeletedExceptThoseThatDecide(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'friends', 'anna')`)
	// The attribution window is 30 days.
	s.write(`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES
		('stranger', 'old', 'a', now() - interval '100 days'), ('stranger', 'new', 'a', now() - interval '50 days'),
		('ben', 'earlier', 'a', now() - interval '101 days'), ('ben', 'decides', 'a', now() - interval '100 days'),
		('locked', 'old', 'a', now() - interval '100 days')`)
	s.write(`INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('ben', 'ben', now() - interval '99 days')`)
	s.converge()
	upkeep := func() { t.Helper(); testworld.Must(t, s.engine.Upkeep(t.Context())) }
	const touches = "SELECT visitor_id || ' ' || touch_id FROM referral.touch ORDER BY 1"

	upkeep()
	s.expect("kept for ever", "SELECT count(*)::text FROM referral.touch", "5")

	s.asOwner("UPDATE referral.retention SET touches = 1000000::bigint * 3600 * 24 * 90")
	other, err := s.db.Begin(t.Context())
	testworld.Must(t, err)
	_, err = other.Exec(t.Context(), "SELECT FROM referral.touch WHERE visitor_id = 'locked' FOR UPDATE")
	testworld.Must(t, err)
	upkeep()
	s.expect("after 90 days", touches, "ben decides", "locked old", "stranger new")
	testworld.Must(t, other.Rollback(t.Context()))
	upkeep()
	s.expect("the next pass is due tomorrow", "SELECT (due_at > now() + interval '23 hours')::text FROM referral.retention", "true")
	s.asOwner("UPDATE referral.retention SET due_at = now()")
	upkeep()
	s.expect("the next day", touches, "ben decides", "stranger new")

	s.asOwner("UPDATE referral.retention SET due_at = now(), touches = 1000000::bigint * 3600 * 24")
	upkeep()
	s.expect("not within the longest window", touches, "ben decides")
	s.converge()
	s.expect("the attribution", "SELECT code FROM referral.attribution", "a")
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 2500, 'USD')`)
	s.converge()
	s.expect("granted", "SELECT count(*)::text FROM referral.ledger", "1")
	s.expect("violations", "SELECT count(*)::text FROM referral.violations()", "0")
}

func TestRetentionWorksInSmallSteps(t *testing.T) {
	s := newShop(t)
	s.write(`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at)
		SELECT 'v' || n % 100, n::text, 'a', now() - n % 2 * interval '100 days' FROM generate_series(1, 7000) AS n`)
	s.asOwner("UPDATE referral.retention SET touches = 1000000::bigint * 3600 * 24 * 90")
	testworld.Must(t, s.engine.Upkeep(t.Context()))
	s.expect("touches", "SELECT count(*)::text FROM referral.touch", "3500")
	s.converge()
}

func TestCountsOfLinksAreAddedUp(t *testing.T) {
	s := newShop(t)
	const counts = "SELECT code || ' ' || action || ' ' || times FROM referral.link_count ORDER BY 1"
	for round := range 2 {
		s.write(`INSERT INTO referral.touch (visitor_id, code) SELECT 'v' || n, ' A ' FROM generate_series(1, 30) AS n`)
		s.write(`INSERT INTO referral.touch (visitor_id, code) VALUES ('w', 'b'), ('w', ' ')`)
		s.write(`INSERT INTO referral.action (user_id, code, action) VALUES ('u', 'a', 'view'), ('u', 'a', 'view'), ('u', NULL, 'view')`)
		testworld.Must(t, s.engine.Upkeep(t.Context()))
		s.expect("changes", "SELECT count(*)::text FROM referral.link_count_change", "0")
		if round == 1 {
			s.write("DELETE FROM referral.touch WHERE code = 'b'")
			testworld.Must(t, s.engine.Upkeep(t.Context()))
		}
	}
	s.expect("counts", counts, "a  60", "a view 4", "b  2")
}
