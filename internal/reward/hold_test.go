package reward

import (
	"testing"
	"time"
)

func TestPairIsHeldUntilItsHoldEnds(t *testing.T) {
	twoWeeks := func(s *story) { s.terms().HoldPeriod = 14 * 24 * time.Hour }
	const held = "p1 Held HoldPeriod: inviter anna 5.00 USD"
	rule(t, []ruleCase{
		{"without a hold it is granted at once", func(s *story) { s.now = day(2) }, says(granted)},
		{"held until the last instant", func(s *story) {
			twoWeeks(s)
			s.now = day(16).Add(-instant)
		}, says(held)},
		{"granted when the hold ends", func(s *story) {
			twoWeeks(s)
			s.now = day(16)
		}, says(granted)},
		{"the hold counts from the purchase, not from its arrival", func(s *story) {
			twoWeeks(s)
			s.p1().ArrivedAt = day(99)
		}, says(granted)},
		{"a purchase dated ahead is held until its time", func(s *story) { s.p1().PurchasedAt = day(101) }, says(held)},
		{"a hold is of the pair's own revision", func(s *story) {
			twoWeeks(s)
			s.now = day(5)
			s.revise(day(50), fiveDollars())
		}, says(held)},
	})
	t.Run("a purchase moved later is held again, and its credit taken back until then", func(t *testing.T) {
		s := newStory(twoWeeks).record(t)
		s.p1().PurchasedAt = day(99)
		s.expect(t, held)
		if got := s.record(t).balances(); got != "anna USD 0" {
			t.Errorf("balances are %q", got)
		}
	})
	t.Run("a refund during the hold reverses without a ledger entry", func(t *testing.T) {
		s := newStory(twoWeeks)
		s.now = day(3)
		s.record(t)
		s.p1().Refunded = 4000
		s.record(t).expect(t, "p1 Reversed Refunded")
		if len(s.ben.Ledger) != 0 {
			t.Errorf("entered %v", s.ben.Ledger)
		}
	})
}

func TestDecisionHasTimesOfQualificationAndMaturity(t *testing.T) {
	s := newStory(func(s *story) { s.terms().HoldPeriod = time.Hour })
	d := s.decide(t).Decisions[0]
	if !d.QualifiedAt.Equal(day(2)) || !d.MaturesAt.Equal(day(2, 1)) {
		t.Errorf("qualified %s, matures %s", d.QualifiedAt, d.MaturesAt)
	}
	s.p1().PurchasedAt = day(0, 5) // before signup
	if d := s.decide(t).Decisions[0]; !d.QualifiedAt.Equal(day(1)) || !d.MaturesAt.Equal(day(0, 6)) {
		t.Errorf("qualified %s, matures %s", d.QualifiedAt, d.MaturesAt)
	}
}

func TestMaturityIsATimeThatPostgresStores(t *testing.T) {
	for _, c := range []struct {
		name        string
		purchasedAt time.Time
		hold        time.Duration
		want        time.Time
	}{
		{"no hold", day(1), 0, day(1)},
		{"a hold finer than a microsecond ends with it", day(1), 1, day(1).Add(time.Microsecond)},
		{"no wrapping round at the end of Postgres's calendar", endOfTime, 1<<63 - 1, endOfTime},
		{"nor at its beginning", time.Date(-4712, 1, 1, 0, 0, 0, 0, time.UTC), time.Hour, time.Date(-4712, 1, 1, 1, 0, 0, 0, time.UTC)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := maturesAt(c.purchasedAt, c.hold); !got.Equal(c.want) {
				t.Errorf("matures at %s, want %s", got, c.want)
			}
		})
	}
}

func TestExtremeTimesAreDecidedLikeOthers(t *testing.T) {
	s := newStory(func(s *story) {
		s.terms().WithinSignup, s.terms().HoldPeriod = 1<<63-1, 1<<63-1
		s.p1().PurchasedAt = endOfTime
	})
	s.expect(t, "p1 NotCounting OutsideWindow")
	s.ben.Signup.SignedUpAt = endOfTime
	s.ben.Touches[0].TouchedAt = endOfTime
	s.expect(t, "p1 Held HoldPeriod: inviter anna 5.00 USD")
}
