package engine_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// Before migration 12 the limits were part of a revision's terms and digest.
func TestRevertToARevisionRecordedWithLimitsWithdrawsTheNewest(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.asOwner(`UPDATE referral.revision SET digest = 'with limits 1', terms = terms || '{"limits": {"pairsPerReferrer": 5}}'`)
	s.write(annasLink + ";" + benByTouch)
	s.declare("friends", fiveDollars(), revised(2, 900, reward.AllPairs))
	s.asOwner(`UPDATE referral.revision SET digest = 'with limits 2', terms = terms || '{"limits": {"pairsPerReferrer": 5}}' WHERE revision = 2`)
	s.converge()
	s.expect("raised", balances, "anna USD 900 0")
	s.declare("friends", fiveDollars(), revised(3, 500, reward.NewPairs))
	s.converge()
	s.expect("reverted", balances, "anna USD 500 0")
	s.expect("withdraws", "SELECT revision, coalesce(withdraws, 0) FROM referral.revision ORDER BY 1", "1 0", "2 0", "3 2")
}
