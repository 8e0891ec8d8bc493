package engine_test

import "testing"

func TestPurchaseOfZeroIsBelowMinimum(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for _, fact := range []string{link, touch, signup} {
		s.write(fact)
	}
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('bob', 'p0', 0, 'USD', now() - interval '1 h')`)
	s.write(`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('bob', 'p0', 'r0', 100)`)
	s.converge()
	s.expect("pairs", pairs)
	s.expect("set aside", "SELECT user_id, cause FROM referral.set_aside")

	s.write(purchase)
	s.converge()
	s.expect("pairs: the purchase of 0 does not occupy First", pairs, "bob p1 Granted Qualified")

	s.write(`UPDATE referral.purchase SET amount = 0 WHERE purchase_id = 'p1'`)
	s.converge()
	s.expect("pairs after a correction to 0", pairs, "bob p1 Reversed BelowMinimum")
	s.expect("balances", balances)

	s.write(refund)
	s.converge()
	s.expect("pairs after a refund of it", pairs, "bob p1 Reversed BelowMinimum")
}
