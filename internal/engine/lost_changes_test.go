package engine_test

import (
	"testing"

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

func TestResyncEnqueuesAResumedCampaignWhoseChangeWasLost(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write(annasLink + ";" + benByTouch)
	s.converge()
	s.declare("friends", fiveDollars(), inMode(reward.Suspended, 2))
	s.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'p', '1', 1000)")
	s.converge()
	s.declare("friends", fiveDollars(), inMode(reward.Open, 3))
	s.asOwner("DELETE FROM referral.change")
	s.resync()
	s.converge()
	s.expect("pairs", pairs, "ben p Reversed Refunded")
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
