package engine_test

import "testing"

// spelled are ways to write the code of a link. Go and Postgres lower the last one differently;
// Postgres decides.
var spelled = []string{"alice1", " Alice1\t", "\n\v\f\rALICE1 ", "ΟΔΟΣ"}

func TestTypedCodeIsFoundInAnySpelling(t *testing.T) {
	for _, code := range spelled {
		s := newShop(t)
		s.declare("invite", fiveDollars())
		s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES (referral.normal_code($1), 'invite', 'alice')`, code)
		s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('bob', $1, now() - interval '1 h')`, code)
		s.write(purchase)
		s.converge()
		s.expect(code, ledger, granted)
		s.expect("attribution", "SELECT code = referral.normal_code('"+code+"') FROM referral.attribution", "true")
		s.atRest()
	}
}

func TestLinkReachesSignupsAndTouchesOfItsCode(t *testing.T) {
	for _, code := range spelled {
		s := newShop(t)
		s.declare("invite", fiveDollars())
		s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('bob', $1, now() - interval '1 h')`, code)
		s.write(`INSERT INTO referral.touch (visitor_id, code, touched_at) VALUES ('v2', $1, now() - interval '2 h')`, code)
		s.write(`INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('carl', 'v2', now() - interval '1 h')`)
		s.converge()
		s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES (referral.normal_code($1), 'invite', 'alice')`, code)
		s.converge()
		s.expect(code, "SELECT user_id, source FROM referral.attribution ORDER BY 1", "bob Code", "carl Touch")
		s.atRest()
	}
}

func TestBlankCodeCountsAsNone(t *testing.T) {
	for _, blank := range []any{nil, "", " ", "\t\r\n"} {
		s := newShop(t)
		s.declare("invite", fiveDollars())
		s.write(link)
		s.write(touch)
		s.write(`INSERT INTO referral.signup (user_id, visitor_id, code, signed_up_at) VALUES ('bob', 'v1', $1, now() - interval '1 h')`, blank)
		s.write(purchase)
		s.converge()
		s.expect("attribution", "SELECT user_id, source FROM referral.attribution", "bob Touch")
		s.expect("ledger", ledger, granted)
		s.atRest()
	}
}

// atRest checks that a comparison finds nothing.
func (s *shop) atRest() {
	s.Helper()
	s.resync()
	s.expect("drift", "SELECT sum(drift_corrected)::int FROM referral.resync_campaign", "0")
}
