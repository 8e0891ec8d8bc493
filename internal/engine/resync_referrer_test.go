package engine_test

import "testing"

// Whether the referrer is a referee as well or not. An admitted pair loses nothing by a later
// fingerprint.
func TestResyncSeesFingerprintsOfReferrers(t *testing.T) {
	const drift = "SELECT coalesce(sum(drift_corrected), 0)::bigint FROM referral.resync_campaign"
	for name, test := range map[string]struct {
		referrer    string // the referrer's signup
		before      string
		then, after string
	}{
		"shared before":                     {"NULL", "{x}", "{y}", "bob p Granted Qualified"},
		"shared before, with a referrer":    {"'zoe'", "{x}", "{y}", "bob p Granted Qualified"},
		"shared before, and none then":      {"NULL", "{x}", "{}", "bob p Granted Qualified"},
		"shared then":                       {"NULL", "{y}", "{x}", "bob p Granted Qualified"},
		"shared then, with a referrer":      {"'zoe'", "{y}", "{x}", "bob p Granted Qualified"},
		"shared then, and none before":      {"NULL", "{}", "{x}", "bob p Granted Qualified"},
		"shared then, beside null and more": {"NULL", "{}", "{NULL,z,x}", "bob p Granted Qualified"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars())
			s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('anna', 'invite', 'anna'), ('zoe', 'invite', 'zoe')`)
			s.write(`INSERT INTO referral.signup (user_id, code, fingerprints) VALUES ('anna', `+test.referrer+`, $1)`, test.before)
			s.write(`INSERT INTO referral.signup (user_id, code, fingerprints) VALUES ('bob', 'anna', '{x}')`)
			s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', 'p', 2000, 'USD')`)
			s.converge()
			s.resyncsWithoutDrift()
			s.behind(`UPDATE referral.signup SET fingerprints = '` + test.then + `' WHERE user_id = 'anna'`)
			s.resync()
			s.converge()
			s.expect("after the resync", pairs, test.after)
			found := s.rows(drift)
			s.resync()
			s.expect("the next one finds nothing", drift, found...)
			s.expect("nothing is enqueued", "SELECT FROM referral.change")
		})
	}
}

// An erasure of the referrer or the referee changes no decision, so nothing needs to be decided
// again.
func TestErasuresLeaveNothingToDecideAgain(t *testing.T) {
	for name, fingerprints := range map[string]string{"shared": "{x}", "not shared": "{y}", "none": "{}"} {
		for _, erased := range []string{"anna", "bob"} {
			t.Run(name+", "+erased+" erased", func(t *testing.T) {
				s := newShop(t)
				s.declare("invite", fiveDollars())
				s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('anna', 'invite', 'anna'), ('zoe', 'invite', 'zoe')`)
				s.write(`INSERT INTO referral.signup (user_id, code, fingerprints) VALUES ('anna', 'zoe', $1), ('bob', 'anna', '{x}'), ('carl', 'zoe', '{x}')`, fingerprints)
				s.converge()
				facts := "SELECT user_id, facts FROM referral.attribution WHERE user_id <> '" + erased + "' ORDER BY user_id"
				before := s.rows(facts)
				s.write("SELECT referral.erase_user($1)", erased)
				s.converge()
				s.resyncsWithoutDrift()
				s.decideAll()
				s.expect("as it was", facts, before...)
			})
		}
	}
}
