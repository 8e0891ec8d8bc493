package engine_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The table of docs/modes.md, cell by cell: the effect of an event in each mode, and once the
// campaign is open again. In it g is Granted, h is Held and w waits under a cap of two. After a
// campaign took everything back all pairs are decided anew: then w, which qualified before h, is
// admitted first.
var modeTable = []struct {
	event  string
	happen func(s *shop, mode reward.Mode)
	cells  map[reward.Mode]cell
}{
	{"nothing", func(*shop, reward.Mode) {}, map[reward.Mode]cell{
		reward.Open:          {"g Granted, h Held, w Waiting", "g Granted, h Held, w Waiting"},
		reward.Suspended:     {"g Granted, h Held, w Waiting", "g Granted, h Held, w Waiting"},
		reward.PolicyMissing: {"g Granted, h Held, w Waiting", "g Granted, h Held, w Waiting"},
		reward.Closed:        {"g Granted, h Held, w Waiting", "g Granted, h Held, w Waiting"},
		reward.Reversing:     {"g Reversed, h Reversed, w Reversed", "g Granted, h Waiting, w Granted"},
	}},
	{"signup", func(s *shop, _ reward.Mode) {
		s.write(`INSERT INTO referral.signup (user_id, code) VALUES ('n', 'carl')`)
	}, map[reward.Mode]cell{
		reward.Open:          {"g Granted, h Held, n attributed, w Waiting", "g Granted, h Held, n attributed, w Waiting"},
		reward.Suspended:     {"g Granted, h Held, n attributed, w Waiting", "g Granted, h Held, n attributed, w Waiting"},
		reward.PolicyMissing: {"g Granted, h Held, n attributed, w Waiting", "g Granted, h Held, n attributed, w Waiting"},
		reward.Closed:        {"g Granted, h Held, w Waiting", "g Granted, h Held, n attributed, w Waiting"},
		reward.Reversing:     {"g Reversed, h Reversed, w Reversed", "g Granted, h Waiting, n attributed, w Granted"},
	}},
	{"new pair", func(s *shop, _ reward.Mode) {
		s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('n', 'carl', now() - interval '9 h')`)
		s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('n', 'p', 2000, 'USD', now() - interval '9 h')`)
	}, map[reward.Mode]cell{
		reward.Open:          {"g Granted, h Held, n Granted, w Waiting", "g Granted, h Held, n Granted, w Waiting"},
		reward.Suspended:     {"g Granted, h Held, n Waiting, w Waiting", "g Granted, h Held, n Granted, w Waiting"},
		reward.PolicyMissing: {"g Granted, h Held, n Waiting, w Waiting", "g Granted, h Held, n Granted, w Waiting"},
		reward.Closed:        {"g Granted, h Held, w Waiting", "g Granted, h Held, n Granted, w Waiting"},
		reward.Reversing:     {"g Reversed, h Reversed, w Reversed", "g Granted, h Waiting, n Granted, w Granted"},
	}},
	{"refund of a waiting pair", func(s *shop, _ reward.Mode) { s.refundOf("w") }, map[reward.Mode]cell{
		reward.Open:          {"g Granted, h Held, w Reversed", "g Granted, h Held, w Reversed"},
		reward.Suspended:     {"g Granted, h Held, w Waiting", "g Granted, h Held, w Reversed"},
		reward.PolicyMissing: {"g Granted, h Held, w Reversed", "g Granted, h Held, w Reversed"},
		reward.Closed:        {"g Granted, h Held, w Reversed", "g Granted, h Held, w Reversed"},
		reward.Reversing:     {"g Reversed, h Reversed, w Reversed", "g Granted, h Held, w Reversed"},
	}},
	{"hold ends", func(s *shop, _ reward.Mode) {
		s.behind("UPDATE referral.purchase SET purchased_at = purchased_at - interval '8 h' WHERE user_id = 'h'",
			"UPDATE referral.pair SET matures_at = matures_at - interval '8 h' WHERE user_id = 'h'",
			"UPDATE referral.signup SET signed_up_at = signed_up_at - interval '8 h' WHERE user_id = 'h'",
			"UPDATE referral.attribution SET touched_at = touched_at - interval '8 h' WHERE user_id = 'h'")
	}, map[reward.Mode]cell{
		reward.Open:          {"g Granted, h Granted, w Waiting", "g Granted, h Granted, w Waiting"},
		reward.Suspended:     {"g Granted, h Held, w Waiting", "g Granted, h Granted, w Waiting"},
		reward.PolicyMissing: {"g Granted, h Granted, w Waiting", "g Granted, h Granted, w Waiting"},
		reward.Closed:        {"g Granted, h Granted, w Waiting", "g Granted, h Granted, w Waiting"},
		reward.Reversing:     {"g Reversed, h Reversed, w Reversed", "g Granted, h Granted, w Waiting"},
	}},
	{"refund of a granted pair", func(s *shop, _ reward.Mode) { s.refundOf("g") }, map[reward.Mode]cell{
		reward.Open:          {"g Reversed, h Held, w Granted", "g Reversed, h Held, w Granted"},
		reward.Suspended:     {"g Granted, h Held, w Waiting", "g Reversed, h Held, w Granted"},
		reward.PolicyMissing: {"g Reversed, h Held, w Waiting", "g Reversed, h Held, w Granted"},
		reward.Closed:        {"g Reversed, h Held, w Waiting", "g Reversed, h Held, w Granted"},
		reward.Reversing:     {"g Reversed, h Reversed, w Reversed", "g Reversed, h Held, w Granted"},
	}},
	{"higher cap", func(s *shop, mode reward.Mode) {
		if mode == reward.Open || mode == reward.Suspended { // in the other modes a campaign has no edit
			s.declareTable(3, edited(3), func(d *database.Declaration) { d.Mode = database.Mode(mode) })
		}
	}, map[reward.Mode]cell{
		reward.Open:          {"g Granted, h Held, w Granted", "g Granted, h Held, w Granted"},
		reward.Suspended:     {"g Granted, h Held, w Waiting", "g Granted, h Held, w Granted"},
		reward.PolicyMissing: {"g Granted, h Held, w Waiting", "g Granted, h Held, w Granted"},
		reward.Closed:        {"g Granted, h Held, w Waiting", "g Granted, h Held, w Granted"},
		reward.Reversing:     {"g Reversed, h Reversed, w Reversed", "g Granted, h Held, w Granted"},
	}},
	{"erasure", func(s *shop, _ reward.Mode) { s.write("SELECT referral.erase_user('g')") }, map[reward.Mode]cell{
		reward.Open:          {"g Granted, h Held, w Waiting", "g Granted, h Held, w Waiting"},
		reward.Suspended:     {"g Granted, h Held, w Waiting", "g Granted, h Held, w Waiting"},
		reward.PolicyMissing: {"g Granted, h Held, w Waiting", "g Granted, h Held, w Waiting"},
		reward.Closed:        {"g Granted, h Held, w Waiting", "g Granted, h Held, w Waiting"},
		reward.Reversing:     {"g Reversed, h Reversed, w Reversed", "g Granted, h Waiting, w Granted"},
	}},
	{"resync after a lost credit", func(s *shop, _ reward.Mode) {
		s.behind("DELETE FROM referral.credit WHERE user_id = 'g'")
		s.compare()
	}, map[reward.Mode]cell{
		reward.Open:          {"g Granted, h Held, w Waiting", "g Granted, h Held, w Waiting"},
		reward.Suspended:     {"g Granted without credit, h Held, w Waiting", "g Granted, h Held, w Waiting"},
		reward.PolicyMissing: {"g Granted, h Held, w Waiting", "g Granted, h Held, w Waiting"},
		reward.Closed:        {"g Granted, h Held, w Waiting", "g Granted, h Held, w Waiting"},
		reward.Reversing:     {"g Reversed, h Reversed, w Reversed", "g Granted, h Waiting, w Granted"},
	}},
}

type cell struct{ meanwhile, openAgain string }

func TestEachEventHasTheDocumentedEffectInEachMode(t *testing.T) {
	for _, row := range modeTable {
		for mode, want := range row.cells {
			t.Run(row.event+" while "+string(mode), func(t *testing.T) {
				t.Parallel()
				s := newShopWith(t, "the table of modes", (*shop).tableWorld)
				s.enter(mode)
				s.converge()
				row.happen(s, mode)
				testworld.Must(t, s.engine.Converge(t.Context()))
				if diff := cmp.Diff(want.meanwhile, s.table()); diff != "" {
					t.Errorf("meanwhile (-want +got):\n%s", diff)
				}
				most := int64(2)
				if row.event == "higher cap" {
					most = 3
				}
				s.declareTable(most, edited(4), func(d *database.Declaration) {
					if mode == reward.Closed || mode == reward.Reversing {
						d.UID = "again"
					}
				})
				s.write("UPDATE referral.signup SET attributes = '{}'")
				s.converge()
				if row.event == "resync after a lost credit" {
					s.compare()
				}
				s.consistent()
				if diff := cmp.Diff(want.openAgain, s.table()); diff != "" {
					t.Errorf("open again (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// tableWorld makes a shop with g granted, h held and w waiting.
func (s *shop) tableWorld() {
	s.Helper()
	s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('anna', 'invite', 'anna'), ('carl', 'invite', 'carl')`)
	s.declareTable(2)
	for user, ago := range map[string]string{"g": "9 h", "h": "1 h"} {
		s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ($1, 'anna', now() - $2::interval)`, user, ago)
		s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ($1, 'p', 2000, 'USD', now() - $2::interval)`, user, ago)
	}
	s.converge()
	s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('w', 'anna', now() - interval '9 h')`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('w', 'p', 2000, 'USD', now() - interval '9 h')`)
	s.converge()
}

func (s *shop) declareTable(most int64, edits ...func(*database.Declaration)) {
	s.Helper()
	terms := fiveDollars()
	terms.HoldPeriod = 6 * time.Hour
	terms.Limits.PairsPerReferrer = most
	s.declare("invite", terms, edits...)
}

// compare requests a resync and lets the engine do it.
func (s *shop) compare() {
	s.Helper()
	testworld.Must(s, database.RequestResync(s.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite"}, rand.Text()))
	testworld.Must(s, s.engine.Resync(s.Context()))
}

func (s *shop) enter(mode reward.Mode) {
	s.Helper()
	switch mode {
	case reward.Open:
	case reward.Closed:
		if _, err := database.CloseCampaign(s.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite", UID: "invite-uid"}); err != nil {
			s.Fatal(err)
		}
	case reward.Reversing:
		for range 2 {
			_, err := database.ReverseCampaign(s.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite", UID: "invite-uid"})
			testworld.Must(s, err)
			testworld.Must(s, s.engine.Converge(s.Context()))
		}
	case reward.Suspended, reward.PolicyMissing:
		s.declareTable(2, edited(2), func(d *database.Declaration) { d.Mode = database.Mode(mode) })
	}
}

// table returns what is recorded of each referee.
func (s *shop) table() string {
	s.Helper()
	return strings.Join(s.rows(`SELECT user_id, coalesce(p.state, 'attributed')
	    || CASE WHEN p.state IN ('Held', 'Granted') AND NOT EXISTS (SELECT FROM referral.credit WHERE credit.user_id = p.user_id) THEN ' without credit' ELSE '' END
	  FROM referral.attribution FULL JOIN referral.pair AS p USING (user_id) ORDER BY 1`), ", ")
}
