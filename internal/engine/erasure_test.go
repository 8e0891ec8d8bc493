package engine_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
)

// wantsGadgets is a policy whose condition looks at what erasing blanks.
func wantsGadgets(d *database.Declaration) {
	terms := fiveDollars()
	terms.Purchases = "Every"
	terms.Condition = "purchase.attributes[?'kind'].orValue('') == 'gadget' && signup.attributes[?'plan'].orValue('') == 'pro'"
	withTerms(terms)(d)
}

// erase forgets somebody and has everything decided anew.
func (s *shop) erase(user string) {
	s.Helper()
	s.write("SELECT referral.erase_user($1)", user)
	s.converge()
	s.asOwner("INSERT INTO referral.change (shard, kind, key) SELECT referral.shard_of(user_id), 'Referee', user_id FROM referral.signup")
	s.converge()
}

func TestForgettingAPersonChangesNoDecision(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars(), wantsGadgets)
	s.write(`
		INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'friends', 'anna');
		INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v', 't', 'a', now() - interval '3 hours');
		INSERT INTO referral.signup (user_id, visitor_id, signed_up_at, attributes) VALUES ('ben', 'v', now() - interval '2 hours', '{"plan": "pro"}');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at, attributes) VALUES
			('ben', 'counts', 1000, 'USD', now() - interval '1 hour', '{"kind": "gadget"}'),
			('ben', 'does not', 1000, 'USD', now() - interval '1 hour', '{"kind": "book"}'),
			('ben', 'refunded', 1000, 'USD', now() - interval '1 hour', '{"kind": "gadget"}')`)
	s.converge()
	s.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'refunded', '1', 1000)")
	s.converge()
	before := s.rows("SELECT user_id, purchase_id, state, reason, decided_at::text FROM referral.pair ORDER BY 2")
	s.erase("ben")
	s.expect("pairs", "SELECT user_id, purchase_id, state, reason, decided_at::text FROM referral.pair ORDER BY 2", before...)
	s.expect("the visitor", "SELECT coalesce(visitor_id, touch_id, 'forgotten'), code FROM referral.attribution", "forgotten a")

	// Facts that come afterwards go on counting for what they are.
	s.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'counts', '1', 1000)")
	s.write("DELETE FROM referral.refund WHERE purchase_id = 'refunded'")
	s.converge()
	s.expect("after a refund, and one withdrawn", pairs, "ben counts Reversed Refunded", "ben refunded Granted Qualified")
	s.expect("balances", balances, "anna USD 500 0")
	s.resync()
	s.drifted(0)
}

func TestASignupThatIsForgottenBeforeItsPurchaseStaysBound(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write(`
		INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'friends', 'anna');
		INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v', 't', 'a', now() - interval '3 hours');
		INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('ben', 'v', now() - interval '2 hours')`)
	s.converge()
	s.erase("ben")
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 1000, 'USD')")
	s.converge()
	s.expect("balances", balances, "anna USD 500 0")
}

func TestASharedFingerprintIsRememberedOfWhoeverIsForgotten(t *testing.T) {
	for _, forgotten := range [][]string{{"ben"}, {"anna"}, {"ben", "anna"}, {"anna", "ben"}} {
		s := newShop(t)
		s.declare("friends", fiveDollars())
		s.write(`
			INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'friends', 'anna');
			INSERT INTO referral.signup (user_id, fingerprints) VALUES ('anna', '{card}');
			INSERT INTO referral.signup (user_id, code, fingerprints) VALUES ('ben', 'a', '{card}'), ('carl', 'a', '{other}');
			INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 1000, 'USD'), ('carl', 'p', 1000, 'USD')`)
		s.converge()
		for _, user := range forgotten {
			s.erase(user)
		}
		s.expect("pairs", pairs, "carl p Granted Qualified")
	}
}
