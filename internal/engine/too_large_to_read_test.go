package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// beyondReading gives dora so many purchases with long attributes that reading them ends the
// connection.
const beyondReading = `INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes)
	SELECT 'dora', 'q' || n, 1000, 'USD', jsonb_build_object('note', repeat('x', 65000)) FROM generate_series(1, 1700) AS n`

// A server may send 96 MiB while a connection is used once; then the connection is closed.
func TestRefereeThatIsTooLargeToReadIsSetAside(t *testing.T) {
	newShopWithBen := func(t *testing.T) *shop {
		t.Helper()
		s := newShop(t)
		s.sharded(1)
		s.declare("friends", when("!has(purchase.attributes.returned)"))
		s.write(annasLink)
		s.converge()
		s.write("INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('ben', 'a', now() - interval '1 h'), ('dora', 'a', now() - interval '1 h')")
		return s
	}
	const buy = "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 2500, 'USD')"
	const cause = "SELECT user_id, cause LIKE '%more than 64 MiB%' FROM referral.set_aside"
	t.Run("by a batch", func(t *testing.T) {
		s := newShopWithBen(t)
		s.write(beyondReading)
		s.write(buy)
		s.converge()
		s.expect("set aside", cause, "dora true")
		s.expect("pairs", pairs, "ben p Granted Qualified")
	})
	t.Run("by a resync, and erased", func(t *testing.T) {
		s := newShopWithBen(t)
		s.write(buy)
		s.converge()
		s.behind(beyondReading, "DELETE FROM referral.credit")
		s.request()
		testworld.Must(t, s.engine.Resync(t.Context()))
		s.expect("set aside", cause, "dora true")
		s.expect("credits", "SELECT user_id FROM referral.credit", "ben")
		if err := s.engine.ResyncErr(); err != nil {
			t.Errorf("still failing: %v", err)
		}

		s.write("SELECT referral.erase_user('dora')")
		s.write("UPDATE referral.purchase SET amount = 2600 WHERE user_id = 'ben'")
		s.converge()
		s.erased("dora") // what was too large is erased, so that she can be decided again
		s.expect("set aside", "SELECT user_id FROM referral.set_aside")
		s.expect("changes", "SELECT count(*) FROM referral.change", "0")
	})
}

// Reading a longer row than any table takes ends the connection. Only the erasure waits.
func TestErasureWaitsWhileARowIsTooLongToRead(t *testing.T) {
	for _, erased := range []string{"ben", "dora"} {
		t.Run(erased, func(t *testing.T) {
			s := newShop(t)
			s.sharded(1)
			s.declare("friends", fiveDollars())
			s.write(annasLink + ";" + doraAside + ";" + benAndEve)
			s.converge()
			read := s.engine.Statement("load_signup")
			long := strings.Replace(read, "coalesce(visitor_id, '')", "CASE WHEN user_id = 'dora' THEN repeat('v', 5000000) ELSE coalesce(visitor_id, '') END", 1)
			if long == read {
				t.Fatal("the statement has changed")
			}
			e := s.newEngine(engine.Options{Workers: 1, PollInterval: 5 * time.Millisecond})
			e.Replace("load_signup", long)
			s.write("SELECT referral.erase_user($1)", erased)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ended := make(chan error, 1)
			go func() { ended <- e.Run(ctx) }()
			s.eventually("the erasure waits", "SELECT user_id FROM referral.erasing WHERE retry_at IS NOT NULL", erased)
			s.write("INSERT INTO referral.signup (user_id, code) VALUES ('zoe', 'a')")
			s.eventually("others are decided", "SELECT count(*) FROM referral.attribution WHERE user_id = 'zoe'", "1")
			s.eventually("set aside", "SELECT user_id FROM referral.set_aside", "dora")
			s.expect("progress", progress, erased+" under way")
			s.expect("dora's attribution", "SELECT code, visitor_id FROM referral.attribution WHERE user_id = 'dora'", "a v")
			stop()
			testworld.Must(t, <-ended)
			s.engine = s.newEngine(engine.Options{})
			for range 3 {
				s.converge()
			}
			s.erased(erased)
		})
	}
}
