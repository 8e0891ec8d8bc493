package engine_test

import (
	"testing"
	"time"
)

func TestLinkThatEndedAtGosZeroTimeAttributesNothing(t *testing.T) {
	for _, column := range []string{"expires_at", "disabled_at"} {
		t.Run(column, func(t *testing.T) {
			s := newShop(t)
			s.declare("friends", fiveDollars())
			s.write("INSERT INTO referral.link (code, campaign, referrer_id, "+column+") VALUES ('a', 'friends', 'anna', $1)", time.Time{})
			s.write(benByTouch)
			s.write(`INSERT INTO referral.signup (user_id, code) VALUES ('carl', 'a');
				INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carl', 'p', 1000, 'USD')`)
			s.converge()
			s.expect("pairs", pairs)
		})
	}
}
