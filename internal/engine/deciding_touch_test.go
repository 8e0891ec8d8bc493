package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// deciding_touch chooses the touch that package reward chooses among all touches.
func TestDatabaseAndRewardChooseTheSameTouch(t *testing.T) {
	for _, model := range []database.AttributionModel{database.LastTouch, database.FirstTouch} {
		t.Run(string(model), func(t *testing.T) {
			s := newShop(t)
			random := rand.New(rand.NewPCG(7, 7))
			base := time.Now().Add(-100 * time.Hour).UTC().Truncate(time.Hour)
			hour := func(n int) time.Time { return base.Add(time.Duration(n) * time.Hour) }
			testworld.Must(t, database.SetAttribution(t.Context(), s.db, uid, 1, model))
			s.declare("wide", fiveDollars())
			s.declare("narrow", fiveDollars(), func(d *database.Declaration) { d.AttributionWindow = 3 * time.Hour })
			s.declare("early", fiveDollars(), func(d *database.Declaration) { d.EndsAt = hour(6) })
			s.declare("closed", fiveDollars(), inMode(reward.Closed, 1))
			links := map[string]*reward.Link{}
			for n, campaign := range []string{"wide", "narrow", "early", "closed", "unknown", "wide", "narrow"} {
				l := &reward.Link{Code: fmt.Sprint("l", n), Campaign: campaign, ReferrerID: fmt.Sprint("u", n)}
				if n%2 == 1 {
					l.ExpiresAt = new(hour(8))
				}
				if n%3 == 2 {
					l.DisabledAt = new(hour(5))
				}
				links[l.Code] = l
				s.write("INSERT INTO referral.link (code, campaign, referrer_id, expires_at, disabled_at) VALUES ($1, $2, $3, $4, $5)",
					l.Code, l.Campaign, l.ReferrerID, l.ExpiresAt, l.DisabledAt)
			}
			touches := map[string][]reward.Touch{}
			var visitors, ids, codes []string
			var times []time.Time
			for n := range 400 {
				visitor := fmt.Sprint("v", random.IntN(100))
				touch := reward.Touch{VisitorID: visitor, TouchID: fmt.Sprint("t", n), TouchedAt: hour(random.IntN(12)), Link: links[fmt.Sprint("l", random.IntN(7))]}
				touches[visitor] = append(touches[visitor], touch)
				visitors, ids, codes, times = append(visitors, visitor), append(ids, touch.TouchID), append(codes, touch.Link.Code), append(times, touch.TouchedAt)
			}
			s.write(`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at)
				SELECT t.visitor, t.id, upper(t.code), t.at FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS t(visitor, id, code, at)`,
				visitors, ids, codes, times)
			times = nil // of the signups
			for range 120 {
				times = append(times, hour(random.IntN(12)))
			}
			s.write(`INSERT INTO referral.signup (user_id, visitor_id, signed_up_at)
				SELECT 'u' || (n - 1), 'v' || ((n - 1) % 100), at FROM unnest($1::timestamptz[]) WITH ORDINALITY AS t(at, n)`, times)
			s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 1, 'USD' FROM generate_series(0, 119) AS n")
			attributed := 0
			for n := range 120 {
				known, err := engine.LoadKnown(t.Context(), s.db, fmt.Sprint("u", n), 1<<20, time.Minute)
				testworld.Must(t, err)
				got, err := reward.Explain(known.Config, known.Referee, known.At)
				testworld.Must(t, err)
				all := *known.Referee
				all.Touches = touches[fmt.Sprint("v", n%100)]
				want, err := reward.Explain(known.Config, &all, known.At)
				testworld.Must(t, err)
				if fmt.Sprint(value(got.Attribution), got.NotAttributed, got.Purchases) != fmt.Sprint(value(want.Attribution), want.NotAttributed, want.Purchases) {
					t.Errorf("u%d is attributed by %v %s, want %v %s", n, value(got.Attribution), got.NotAttributed, value(want.Attribution), want.NotAttributed)
				}
				if want.Attribution != nil {
					attributed++
				}
			}
			if attributed < 20 || attributed > 100 {
				t.Errorf("%d of 120 are attributed: the facts test little", attributed)
			}
		})
	}
}

func value(a *reward.Attribution) reward.Attribution {
	if a == nil {
		return reward.Attribution{}
	}
	return *a
}

// The difference of the earliest and the latest time is in the range of no interval.
func TestFirstTouchIgnoresATouchFarOutsideTheWindow(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.asOwner("UPDATE referral.meta SET attribution = 'FirstTouch', epoch = epoch + 1")
	s.write(annasLink)
	s.write(`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES
			('v', '1', 'a', '4713-12-01 00:00:00+00 BC'), ('v', '2', 'a', '294276-12-31 20:00:00+00');
		INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('ben', 'v', '294276-12-31 23:59:59.999999+00');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('ben', 'p', 1000, 'USD', '294276-12-31 23:59:59.999999+00')`)
	s.converge()
	s.expect("set aside", "SELECT user_id, cause FROM referral.set_aside")
	s.expect("deciding touch", "SELECT touch_id FROM referral.attribution", "2")
	s.expect("pairs", pairs, "ben p Held HoldPeriod")
}
