package engine_test

import (
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// shopThatRaises returns a shop where ben is granted 5.00 and an edit to 9.00 begins to roll out.
func shopThatRaises(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write(annasLink + ";" + benByTouch)
	s.converge()
	s.declare("friends", fiveDollars(), revised(2, 900, reward.AllPairs))
	return s
}

func TestResyncContinuesARolloutWhoseChangeWasLost(t *testing.T) {
	s := shopThatRaises(t)
	s.asOwner("DELETE FROM referral.change")
	s.converge()
	s.expect("balances without a resync", balances, "anna USD 500 0")
	s.resync()
	s.converge()
	s.expect("balances", balances, "anna USD 900 0")
	s.expect("rollout", "SELECT reached_all, referral.rolling_out(campaign) FROM referral.rollout", "true false")
}

func TestResyncMovesAPairThatAFinishedRolloutDidNotMove(t *testing.T) {
	s := shopThatRaises(t)
	s.asOwner("DELETE FROM referral.change; UPDATE referral.rollout SET reached_all = true, enqueued_up_to = pg_current_xact_id(); UPDATE referral.meta SET epoch = epoch + 1")
	s.converge()
	s.resync()
	s.converge()
	s.expect("balances", balances, "anna USD 900 0")
}

func TestResyncFindsNoReversedPairOfAnOlderRevision(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write(annasLink + ";" + benByTouch)
	s.converge()
	s.write("DELETE FROM referral.purchase")
	s.converge()
	s.declare("friends", fiveDollars(), revised(2, 900, reward.AllPairs))
	s.converge()
	s.expect("pairs", "SELECT revision, state FROM referral.pair", "1 Reversed")
	if found := s.suspects(10); found > 0 {
		t.Errorf("found %d", found)
	}
}

// What arrived while a campaign was suspended is decided after it, though a change was lost: that
// of the campaign, or those of its referees.
func TestResyncDecidesAfterASuspensionThoughAChangeWasLost(t *testing.T) {
	resume := func(s *shop) { s.declare("friends", fiveDollars(), inMode(reward.Open, 3)) }
	closes := func(s *shop) {
		_, err := database.CloseCampaign(s.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "friends", UID: "friends-uid"})
		testworld.Must(s, err)
	}
	refunded := func(s *shop) {
		s.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'p', '1', 1000)")
	}
	matured := func(s *shop) {
		const hash = `UPDATE referral.attribution SET facts = facts #
			(SELECT referral.hash_of_purchase(purchase_id, amount, currency, purchased_at, arrived_at, attributes, blanked, condition_held) FROM referral.purchase)`
		s.behind(hash, "UPDATE referral.purchase SET purchased_at = purchased_at - interval '30 minutes'", hash,
			"UPDATE referral.pair SET qualified_at = qualified_at - interval '30 minutes', matures_at = matures_at - interval '30 minutes'",
			`UPDATE referral.pair SET checksum = referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
				qualified_at, matures_at, counted_at, allowed, state, reason, credits)`)
	}
	for name, c := range map[string]struct {
		hold      bool
		meanwhile func(s *shop)
		then      func(s *shop)
		batches   int // before the changes are lost
		want      string
	}{
		"a refund, then the campaign's change":            {false, refunded, resume, 0, "ben p Reversed Refunded"},
		"a refund, then its referee's change":             {false, refunded, resume, 1, "ben p Reversed Refunded"},
		"a refund, then the closed campaign's change":     {false, refunded, closes, 0, "ben p Reversed Refunded"},
		"a refund, then its referee's change, closed":     {false, refunded, closes, 1, "ben p Reversed Refunded"},
		"the end of a hold, then the closed one's change": {true, matured, closes, 0, "ben p Granted Qualified"},
		"the end of a hold, then its change, closed":      {true, matured, closes, 1, "ben p Granted Qualified"},
		"the end of a hold, then its referee's change":    {true, matured, resume, 1, "ben p Granted Qualified"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			terms := fiveDollars()
			if c.hold {
				terms.HoldPeriod = 80 * time.Minute
			}
			s.declare("friends", terms)
			s.write(annasLink + ";" + benByTouch)
			s.converge()
			before := s.rows(pairs)
			s.declare("friends", terms, inMode(reward.Suspended, 2))
			c.meanwhile(s)
			s.converge()
			s.expect("suspended", pairs, before...)
			if found := s.suspects(10); found > 0 {
				t.Errorf("a resync of the suspended campaign finds %d", found)
			}
			s.resync()
			s.drifted(0)
			c.then(s)
			testworld.Must(t, s.engine.Attempts(t.Context(), c.batches))
			s.asOwner("DELETE FROM referral.change")
			s.resync()
			s.converge()
			s.expect("pairs", pairs, c.want)
			if found := s.suspects(10); found > 0 {
				t.Errorf("the next resync finds %d", found)
			}
		})
	}
}

// A purchase that a closed campaign did not admit is decided once it is declared again.
func TestResyncDecidesAfterAClosureThoughAChangeWasLost(t *testing.T) {
	s := newShop(t)
	terms := fiveDollars()
	terms.Purchases = reward.EveryPurchase
	s.declare("friends", terms)
	s.write(annasLink + ";" + benByTouch)
	s.converge()
	_, err := database.CloseCampaign(t.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "friends", UID: "friends-uid"})
	testworld.Must(t, err)
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'q', 1000, 'USD')")
	s.converge()
	s.expect("closed", pairs, "ben p Granted Qualified")
	if found := s.suspects(10); found > 0 {
		t.Errorf("a resync of the closed campaign finds %d", found)
	}
	s.declare("friends", terms)
	testworld.Must(t, s.engine.Attempts(t.Context(), 1))
	s.asOwner("DELETE FROM referral.change")
	s.resync()
	s.converge()
	s.expect("pairs", pairs, "ben p Granted Qualified", "ben q Granted Qualified")
}

func TestResyncRequestsAnAllocationInCaseARequestWasLost(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars(), limited(1, 1, 0))
	s.friends(1, 3)
	s.declare("invite", fiveDollars(), limited(2, 2, 0))
	s.asOwner("DELETE FROM referral.allocation_request")
	s.request()
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.converge()
	s.expect("standing", standing, "u001 Granted Qualified", "u002 Granted Qualified", "u003 Waiting CapReached")
}
