package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

const (
	coupon       = `INSERT INTO referral.signup (user_id, visitor_id, code, signed_up_at) VALUES ('bob', 'v1', 'SAVE10', now() - interval '1 h')`
	linkOfCoupon = `INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('save10', 'invite', 'carl')`
	attributed   = "SELECT user_id, referrer_id, source FROM referral.attribution ORDER BY 1"
)

func TestCodeWithoutALinkCountsAsNone(t *testing.T) {
	for _, facts := range [][]string{
		{link, touch, coupon, purchase},
		{coupon, purchase, touch, link},
		{purchase, touch, coupon, link},
		{coupon, link, purchase, touch},
	} {
		s := newShop(t)
		s.declare("invite", fiveDollars())
		for _, fact := range facts {
			s.write(fact)
			s.converge()
		}
		s.expect(fmt.Sprintf("attribution after %q", facts), attributed, "bob alice Touch")
		s.expect("ledger", ledger, granted)
		s.atRest()
	}
}

func TestLinkCreatedLaterAttributesItsTypedCode(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for _, fact := range []string{link, touch, coupon} {
		s.write(fact)
	}
	s.converge()
	s.expect("before the link", attributed, "bob alice Touch")
	s.write(linkOfCoupon)
	s.converge()
	s.expect("with the link", attributed, "bob carl Code")
	s.atRest()
	s.write(`UPDATE referral.link SET expires_at = now() - interval '1 day' WHERE code = 'save10'`)
	s.converge()
	s.expect("with the link expired it decides alone", attributed)
	s.atRest()
	s.write(`DELETE FROM referral.link WHERE code = 'save10'`)
	s.converge()
	s.expect("without the link", attributed, "bob alice Touch")
	s.atRest()

	s.write(purchase)
	s.converge()
	s.write(linkOfCoupon)
	s.converge()
	s.expect("once a pair is admitted", attributed, "bob alice Touch")
	s.expect("ledger", ledger, granted)
	s.atRest()
}

// A comparison finds what no trigger noticed.
func TestResyncFindsUnnoticedLinksOfTypedCodesAndTouches(t *testing.T) {
	for name, c := range map[string]struct {
		facts  []string
		behind string
		want   []string
	}{
		"a touch behind an unknown code":   {[]string{link, coupon}, touch, []string{"bob alice Touch"}},
		"a touch that is gone":             {[]string{link, touch, coupon}, `DELETE FROM referral.touch`, nil},
		"a link of the code":               {[]string{link, touch, coupon}, linkOfCoupon, []string{"bob carl Code"}},
		"a link of the code, touch or not": {[]string{coupon}, linkOfCoupon, []string{"bob carl Code"}},
		"a link of the code that is gone":  {[]string{link, touch, coupon, linkOfCoupon}, `DELETE FROM referral.link WHERE code = 'save10'`, []string{"bob alice Touch"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars())
			for _, fact := range c.facts {
				s.write(fact)
			}
			s.converge()
			s.behind(c.behind)
			s.resync()
			s.expect("attribution", attributed, c.want...)
		})
	}
}

func TestLostAttributionByTouchIsRestoredDespiteATypedCode(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for _, fact := range []string{link, touch, coupon, purchase} {
		s.write(fact)
	}
	s.converge()
	s.write(linkOfCoupon)
	s.converge()
	s.asOwner(`DELETE FROM referral.attribution`)
	s.resync()
	s.expect("attribution", "SELECT referrer_id, source, code, touch_id FROM referral.attribution", "alice Touch alice1 t1")
	s.expect("ledger", ledger, granted)
}

// The signups of a code and of its touches are reached in steps of any size.
func TestLinkReachesManySignupsWithUnknownCodes(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.write(linkOfCoupon)
	s.write(`INSERT INTO referral.signup (user_id, visitor_id, code, signed_up_at)
	         SELECT 'u' || n, 'v' || n, 'alice1', now() - interval '1 h' FROM generate_series(1, 7) n`)
	s.write(`INSERT INTO referral.signup (user_id, visitor_id, code, signed_up_at)
	         SELECT 't' || n, 'v' || n, 'other', now() - interval '1 h' FROM generate_series(1, 7) n`)
	s.write(`INSERT INTO referral.touch (visitor_id, code, touched_at) SELECT 'v' || n, 'alice1', now() - interval '2 h' FROM generate_series(1, 7) n`)
	small := s.newEngine(engine.Options{BatchSize: 2})
	testworld.Must(t, small.Converge(t.Context()))
	s.expect("attributed without the link", attributed)
	s.write(link)
	testworld.Must(t, small.Converge(t.Context()))
	s.expect("attributed by source", "SELECT source, count(*) FROM referral.attribution GROUP BY 1 ORDER BY 1", "Code 7", "Touch 7")

	// An edit of the campaign reaches the signups with unknown codes too.
	s.declare("invite", fiveDollars(), func(d *database.Declaration) { d.Generation, d.AttributionWindow = 2, time.Minute })
	testworld.Must(t, small.Converge(t.Context()))
	s.expect("attributed with a short window", "SELECT source, count(*) FROM referral.attribution GROUP BY 1 ORDER BY 1", "Code 7")
	s.atRest()
}
