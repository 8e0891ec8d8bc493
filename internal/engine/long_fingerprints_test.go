package engine_test

import "testing"

// longFingerprints are 64 texts of 100,000 characters, which compress so well that Postgres stores
// and indexes them, and which no row that is read may have.
const longFingerprints = "(SELECT array_agg(repeat(chr(64 + g), 100000)) FROM generate_series(1, 64) AS g)"

// A signup with such fingerprints concerns its user, and the referees that the user invited. An
// erasure of any of them is completed.
func TestLongFingerprintsSetAsideOnlyWhomTheyConcern(t *testing.T) {
	for name, c := range map[string]struct{ ben, anna string }{
		"of the referee":  {longFingerprints, "'{card}'"},
		"of the referrer": {"'{card}'", longFingerprints},
	} {
		for _, erased := range []string{"", "ben", "anna", "eve"} {
			t.Run(name+", erased: "+erased, func(t *testing.T) {
				s := newShop(t)
				s.sharded(1)
				s.declare("friends", fiveDollars())
				s.write(annasLink)
				s.converge()
				s.write("INSERT INTO referral.signup (user_id, fingerprints) VALUES ('anna', " + c.anna + ")")
				s.write("INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v', 't', 'a', now() - interval '3 hours')")
				s.write("INSERT INTO referral.signup (user_id, visitor_id, signed_up_at, fingerprints) VALUES ('ben', 'v', now() - interval '2 hours', " + c.ben + ")")
				s.write("INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('eve', 'v', now() - interval '2 hours')")
				s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 2500, 'USD'), ('eve', 'p', 2500, 'USD')")
				if erased != "" {
					s.write("SELECT referral.erase_user($1)", erased)
				}
				for range 3 {
					s.converge()
				}
				s.expect("eve's pair", "SELECT state FROM referral.pair WHERE user_id = 'eve'", "Granted")
				s.expect("cause", "SELECT bool_and(cause LIKE '%fingerprints%more than 64 KiB%') IS NOT FALSE FROM referral.set_aside", "true")
				if erased != "" {
					s.erased(erased)
				}
				want := []string{"ben"}
				if erased == "ben" || erased == "anna" && name == "of the referrer" {
					want = nil // what could not be compared is erased
				}
				s.expect("set aside", "SELECT user_id FROM referral.set_aside", want...)
				s.write("UPDATE referral.signup SET fingerprints = ARRAY[user_id] WHERE fingerprints <> '{}'")
				s.converge()
				s.decideAll()
				s.expect("pairs", pairs, "ben p Granted Qualified", "eve p Granted Qualified")
				s.consistent()
				s.resync()
				s.drifted(0)
			})
		}
	}
}
