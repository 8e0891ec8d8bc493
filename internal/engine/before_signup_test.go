package engine_test

import (
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// byCheckout writes an account made in the checkout: the purchase precedes the signup.
const byCheckout = `INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('bob', 'p1', 2500, 'USD', now() - interval '1 h 1 s')`

func TestPurchaseShortlyBeforeTheSignupCounts(t *testing.T) {
	terms := fiveDollars()
	terms.BeforeSignup = reward.DefaultBeforeSignup
	s := newShop(t)
	s.declare("invite", terms)
	for _, fact := range []string{link, typed, byCheckout} {
		s.write(fact)
	}
	s.converge()
	s.expect("ledger", ledger, granted)
	s.write(`UPDATE referral.purchase SET purchased_at = now() - interval '2 h 1 min'`)
	s.converge()
	s.expect("an hour too early", pairs, "bob p1 Reversed OutsideWindow")
	s.atRest()
}

// Revisions recorded without the field are not changed by its default.
func TestRevisionWithoutBeforeSignupGoesOnWithoutIt(t *testing.T) {
	terms := fiveDollars()
	s := newShop(t)
	s.declare("invite", terms)
	for _, fact := range []string{link, typed, byCheckout} {
		s.write(fact)
	}
	s.converge()
	s.expect("under the old revision", pairs)

	terms.BeforeSignup = reward.DefaultBeforeSignup
	s.declare("invite", terms, func(d *database.Declaration) { d.Policy.Generation, d.Scope = 2, "AllPairs" })
	s.converge()
	s.expect("under the default of a new version", pairs)
	s.expect("revisions", "SELECT revision FROM referral.revision", "1")

	terms.BeforeSignup = 2 * time.Hour
	s.declare("invite", terms, func(d *database.Declaration) { d.Policy.Generation, d.Scope = 3, "AllPairs" })
	s.converge()
	s.expect("under another value", pairs, "bob p1 Granted Qualified")
	s.expect("recorded", "SELECT revision, terms ->> 'beforeSignup' FROM referral.revision ORDER BY 1", "1 <nil>", "2 7200000000000")
}
