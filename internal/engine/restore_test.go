package engine_test

import (
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
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

// A change of its facts restores a referee of which nothing is left but facts and ledger entries.
func TestBatchRestoresAPairFromTheLedgerAlone(t *testing.T) {
	renamed := fiveDollars()
	renamed.Rewards[0].Name = "bonus"
	for name, c := range map[string]struct {
		terms  reward.Terms // declared since
		damage []string
	}{
		"pair and attribution are lost": {fiveDollars(), []string{"DELETE FROM referral.pair", "DELETE FROM referral.attribution"}},
		"the attribution is lost":       {fiveDollars(), []string{"DELETE FROM referral.attribution"}},
		"credits are lost too": {
			fiveDollars(), []string{"DELETE FROM referral.pair", "DELETE FROM referral.attribution", "DELETE FROM referral.credit"},
		},
		"credits are lost too, and the reward has another name now": {
			renamed, []string{"DELETE FROM referral.pair", "DELETE FROM referral.attribution", "DELETE FROM referral.credit"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("friends", fiveDollars())
			s.write(annasLink + ";" + benByTouch)
			s.converge()
			s.behind(c.damage...)
			s.declare("friends", c.terms, func(d *database.Declaration) {
				d.Generation, d.Policy.Generation, d.Scope = 2, 2, string(reward.AllPairs)
			})
			s.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'p', '1', 10)")
			testworld.Must(t, s.engine.Converge(t.Context()))
			s.expect("set aside", "SELECT user_id, cause FROM referral.set_aside")
			s.expect("pairs", pairs, "ben p Granted Qualified")
			s.expect("balances", balances, "anna USD 500 0")
			s.resync()
			s.expect("balances after a resync", balances, "anna USD 500 0")
		})
	}
}

// A pair was taken back with its campaign and has lost its row. Its entries add up to nothing.
func TestLostPairOfAReversedCampaignIsDecidedAnew(t *testing.T) {
	for name, drift := range map[string]int64{"not resynced": 0, "resynced meanwhile": 1} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("friends", fiveDollars())
			s.write(annasLink + ";" + benByTouch)
			s.converge()
			s.reverseAll("friends")
			s.behind("DELETE FROM referral.pair")
			if drift > 0 {
				s.resync()
				s.expect("restored", "SELECT state, reason, ordinal FROM referral.pair", "Reversed CampaignDeleted <nil>")
			}
			s.declare("friends", fiveDollars(), func(d *database.Declaration) { d.UID = "another" })
			testworld.Must(t, s.engine.Converge(t.Context()))
			s.expect("set aside", "SELECT user_id, cause FROM referral.set_aside")
			s.expect("pairs", pairs, "ben p Granted Qualified")
			s.expect("balances", balances, "anna USD 500 0")
			s.resync()
			s.drifted(drift)
		})
	}
}

// A hold that would end after the last time of Postgres ends then.
func TestAlteredPairOfTheLastPurchaseIsPutRight(t *testing.T) {
	s := newShop(t)
	terms := fiveDollars()
	terms.HoldPeriod = 48 * time.Hour
	s.declare("friends", terms)
	s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'friends', 'anna');
		INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('ben', 'a', '294276-12-31 00:00+00');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('ben', 'p', 1000, 'USD', '294276-12-31 01:00+00')`)
	s.converge()
	const pair = "SELECT state, reason, matures_at::text FROM referral.pair"
	before := s.rows(pair)
	for _, altered := range []string{"matures_at = now()", "matures_at = 'infinity'", "state = 'Granted'"} {
		s.behind("UPDATE referral.pair SET " + altered)
		s.resync()
		s.expect("pair of which was altered "+altered, pair, before...)
		s.expect("set aside", "SELECT cause FROM referral.set_aside")
	}
}

// A lost attribution is restored so that every pair that was granted under it still counts.
func TestRestoredAttributionReversesNothing(t *testing.T) {
	const lateSignup = `INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v', '1', 'a', now() - interval '10 days');
		INSERT INTO referral.signup (user_id, visitor_id, code, signed_up_at) VALUES ('ben', 'v', 'anna10', now() - interval '1 hour');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES
			('ben', 'p1', 1000, 'USD', now() - interval '5 minutes'), ('ben', 'p2', 1000, 'USD', now() - interval '5 days')`
	for name, later := range map[string]string{
		"another touch after a purchase": `INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v', '2', 'a', now() - interval '1 day')`,
		"the typed code has a link now":  "INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('anna10', 'friends', 'anna')",
		"the touch is deleted":           "DELETE FROM referral.touch",
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			terms := fiveDollars()
			terms.Purchases, terms.Condition = reward.EveryPurchase, "link.label == 'invite'"
			s.declare("friends", terms)
			s.write("INSERT INTO referral.link (code, campaign, referrer_id, label) VALUES ('a', 'friends', 'anna', 'invite')")
			s.write(lateSignup)
			s.converge()
			s.expect("balances", balances, "anna USD 1000 0")
			s.write(later)
			s.converge()
			s.behind("DELETE FROM referral.attribution")
			s.resync()
			s.expect("balances", balances, "anna USD 1000 0")
			s.expect("pairs", pairs, "ben p1 Granted Qualified", "ben p2 Granted Qualified")
		})
	}
}

// The waitlist has the place of a waiting pair whose own row is altered or missing.
func TestDamagedWaitingPairKeepsItsPlace(t *testing.T) {
	for name, damage := range map[string]string{
		"altered": "UPDATE referral.pair SET admission_order = admission_order + 1000 WHERE user_id = 'u002'",
		"missing": "DELETE FROM referral.pair WHERE user_id = 'u002'",
		"altered in several columns, to an admitted one": "UPDATE referral.pair SET state = 'Granted', reason = 'Qualified', ordinal = 1 WHERE user_id = 'u002'",
		"altered in several columns, to another order":   "UPDATE referral.pair SET admission_order = admission_order + 1000, reason = 'HoldPeriod' WHERE user_id = 'u002'",
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars(), limited(1, 1, 0))
			s.friends(1, 3)
			order := s.rows("SELECT user_id, admission_order FROM referral.pair ORDER BY 1")
			s.behind(damage)
			s.resync()
			s.expect("admission order", "SELECT user_id, admission_order FROM referral.pair ORDER BY 1", order...)
			s.drifted(1)
			s.declare("invite", fiveDollars(), limited(2, 2, 0))
			s.converge()
			s.expect("pairs", waits, "u001 Granted", "u002 Granted", "u003 Waiting")
			s.expect("ordinals", "SELECT user_id, ordinal FROM referral.pair WHERE ordinal IS NOT NULL ORDER BY 1", "u001 1", "u002 2")
		})
	}
}
