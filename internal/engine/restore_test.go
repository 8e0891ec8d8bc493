package engine_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// A purchase was granted in one campaign, which was deleted with Reverse, and then in another: only
// the other one restores its pair. Revisions and seqs of two campaigns say nothing about which
// entry is the newer one, and neither do the names of their rewards.
func TestLostPairIsRestoredInTheCampaignThatGrantsItNow(t *testing.T) {
	for name, rewardName := range map[string]string{
		"both campaigns have the same reward": "inviter",
		"the reward has another name":         "bonus",
	} {
		for _, byResync := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", by a resync", false: ", by a batch"}[byResync], func(t *testing.T) {
				s := newShop(t)
				s.declare("one", fiveDollars())
				s.declare("one", fiveDollars(), revised(2, 700, reward.NewPairs))
				two := fiveDollars()
				two.Rewards[0].Name, two.Rewards[0].Fixed.Amount = rewardName, 300
				s.declare("two", two)
				s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'one', 'anna'), ('b', 'two', 'bob');
					INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES
						('v', '1', 'b', now() - interval '4 hours'), ('v', '2', 'a', now() - interval '3 hours');
					INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('ben', 'v', now() - interval '2 hours');
					INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 1000, 'USD')`)
				s.converge()
				s.expect("balances at first", balances, "anna USD 700 0")
				s.askToReverse("one")
				s.converge()
				s.askToReverse("one")
				s.converge()
				s.expect("balances after the reversal", balances, "bob USD 300 0")
				entries := s.rows("SELECT campaign, kind, amount FROM referral.ledger ORDER BY entry_id")
				s.behind("DELETE FROM referral.pair")
				if byResync {
					s.resync()
				} else {
					s.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'p', '1', 10)")
					s.converge()
				}
				s.expect("pair", "SELECT campaign, revision, state, reason FROM referral.pair", "two 1 Granted Qualified")
				s.expect("balances", balances, "bob USD 300 0")
				s.expect("ledger", "SELECT campaign, kind, amount FROM referral.ledger ORDER BY entry_id", entries...)
			})
		}
	}
}
