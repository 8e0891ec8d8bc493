package reward

import (
	"math"
	"testing"
	"time"
)

func TestSelfRewardDoesNotCount(t *testing.T) {
	shared := func(s *story) {
		s.ben.Signup.Fingerprints = []string{"card-1", "device-2"}
		s.ben.ReferrerFingerprints = map[string][]string{"anna": {"device-9", "device-2"}}
	}
	rule(t, []ruleCase{
		{"one's own code earns nothing", func(s *story) { s.typed(linkOf("ben")) }, says("p1 NotCounting SelfReferral")},
		{"a fingerprint shared with the referrer earns nothing", shared, says("p1 NotCounting SharedFingerprint")},
		{"fingerprints that differ are fine", func(s *story) {
			shared(s)
			s.ben.Signup.Fingerprints = []string{"card-1"}
		}, says(granted)},
		{"a fingerprint shared with another person is allowed", func(s *story) {
			shared(s)
			s.ben.ReferrerFingerprints = map[string][]string{"carl": {"device-2"}}
		}, says(granted)},
		{"an empty list shares nothing", func(s *story) {
			shared(s)
			s.ben.Signup.Fingerprints = nil
		}, says(granted)},
		{"self-referral is named before a shared fingerprint", func(s *story) {
			shared(s)
			s.typed(linkOf("ben"))
			s.ben.ReferrerFingerprints["ben"] = s.ben.Signup.Fingerprints
		}, says("p1 NotCounting SelfReferral")},
		{"a referrer's fingerprints are found under the kept attribution too", func(s *story) {
			s.terms().Purchases = EveryPurchase
			s.ben.Attribution = &Attribution{Campaign: "invite", Code: "gone", ReferrerID: "anna", TouchedAt: day(0), Source: FromTouch}
			s.ben.Pairs = []Pair{{PurchaseID: "p0", Campaign: "invite", Revision: 1, Ordinal: 1, State: Reversed, Reason: PurchaseRemoved}}
			s.ben.Touches = nil
			shared(s)
		}, says("p0 Reversed PurchaseRemoved", "p1 NotCounting SharedFingerprint")},
	})
}

func TestPurchaseCountsByAmountsTimesAndCurrency(t *testing.T) {
	rule(t, []ruleCase{
		{"at the touch", func(s *story) { s.p1().PurchasedAt = day(0) }, says(granted)},
		{"not before the touch", func(s *story) { s.p1().PurchasedAt = day(0).Add(-instant) }, says("p1 NotCounting OutsideWindow")},
		{"between touch and signup", func(s *story) { s.p1().PurchasedAt = day(0, 12) }, says(granted)},
		{"any time after signup", func(s *story) { s.p1().PurchasedAt = day(99) }, says(granted)},
		{"at the end of withinSignup", func(s *story) {
			s.terms().WithinSignup = time.Hour
			s.p1().PurchasedAt = day(1, 1)
		}, says(granted)},
		{"not after withinSignup", func(s *story) {
			s.terms().WithinSignup = time.Hour
			s.p1().PurchasedAt = day(1, 1).Add(instant)
		}, says("p1 NotCounting OutsideWindow")},
		{"with a part of it refunded", func(s *story) { s.p1().Refunded = 3999 }, says(granted)},
		{"not with all of it refunded", func(s *story) { s.p1().Refunded = 4000 }, says("p1 NotCounting Refunded")},
		{"not with more refunded than was paid", func(s *story) { s.p1().Refunded = math.MaxInt64 }, says("p1 NotCounting Refunded")},
		{"at the minimum", func(s *story) { s.terms().MinimumAmounts = map[string]int64{"USD": 4000} }, says(granted)},
		{"not below the minimum", func(s *story) {
			s.terms().MinimumAmounts = map[string]int64{"USD": 4001}
		}, says("p1 NotCounting BelowMinimum")},
		{"not when a refund takes the net amount below the minimum", func(s *story) {
			s.terms().MinimumAmounts = map[string]int64{"USD": 4000}
			s.p1().Refunded = 1
		}, says("p1 NotCounting BelowMinimum")},
		{"not with an amount of 0", func(s *story) { s.p1().Amount = 0 }, says("p1 NotCounting BelowMinimum")},
		{"an amount of 0 is below the minimum, whatever was refunded", func(s *story) {
			s.p1().Amount, s.p1().Refunded = 0, 4000
		}, says("p1 NotCounting BelowMinimum")},
		{"an amount of 0 never occupies First", func(s *story) {
			s.buy("p0", 0, day(1))
		}, says("p0 NotCounting BelowMinimum", granted)},
		{"in any currency when none is listed", func(s *story) { s.p1().Currency = "JPY" }, says(granted)},
		{"not in a currency without a minimum", func(s *story) {
			s.terms().MinimumAmounts = map[string]int64{"EUR": 1}
		}, says("p1 NotCounting CurrencyMismatch")},
		{"not in a currency without a maximum", func(s *story) {
			friend := toBen("10")
			friend.Percentage.MaximumAmounts = map[string]int64{"EUR": 1500}
			s.terms().Rewards = append(s.terms().Rewards, friend)
		}, says("p1 NotCounting CurrencyMismatch")},
		{"in a currency that every list has", func(s *story) {
			friend := toBen("10")
			friend.Percentage.MaximumAmounts = map[string]int64{"USD": 1500, "EUR": 1500}
			s.terms().Rewards = append(s.terms().Rewards, friend)
			s.terms().MinimumAmounts = map[string]int64{"USD": 4000}
		}, says(granted + ", friend ben 4.00 USD")},
	})
}

func TestCorrectionToZeroReversesBelowMinimum(t *testing.T) {
	s := newStory().record(t)
	s.p1().Amount = 0
	s.expect(t, "p1 Reversed BelowMinimum")
	s.record(t)
	s.p1().Refunded = 1
	s.expect(t, "p1 Reversed BelowMinimum")
	s.buy("p2", 4000, day(3))
	s.expect(t, "p1 Reversed BelowMinimum", "p2 Granted Qualified: inviter anna 5.00 USD")
}

func TestFirstReasonOfTheClosedListWins(t *testing.T) {
	// Everything that can be wrong at once, put right from the front of the list.
	s := newStory(func(s *story) {
		s.terms().MinimumAmounts = map[string]int64{"EUR": 4000}
		s.typed(linkOf("ben"))
		s.ben.Signup.Fingerprints = []string{"f"}
		s.ben.ReferrerFingerprints = map[string][]string{"ben": {"f"}, "anna": {"f"}}
		s.campaign().EndsAt = day(0)
		s.p1().PurchasedAt = day(-9)
		s.p1().Refunded = 4000
		s.p1().Override = Deny
		s.buy("p0", 4000, day(2))
		s.purchase("p0").Currency = "EUR"
	})
	for _, step := range []struct {
		want Reason
		cure func()
	}{
		{OutsideCampaign, func() { s.campaign().EndsAt = time.Time{} }},
		{OutsideWindow, func() { s.p1().PurchasedAt = day(3) }},
		{Refunded, func() { s.p1().Refunded = 1 }},
		{CurrencyMismatch, func() { s.p1().Currency = "EUR" }},
		{BelowMinimum, func() { s.p1().Amount = 5000 }},
		{SelfReferral, func() { s.ben.Code = linkOf("anna") }},
		{SharedFingerprint, func() { s.ben.Signup.Fingerprints = nil }},
		{NotFirstPurchase, func() { s.p1().PurchasedAt = day(1) }},
		{Overridden, func() { s.p1().Override = NoVerdict }},
		{HoldPeriod, func() { s.now = day(3) }},
		{Qualified, func() {}},
	} {
		s.terms().HoldPeriod = 48 * time.Hour
		if step.want == HoldPeriod {
			s.now = day(2)
		}
		decisions := s.decide(t).Decisions
		if got := decisions[len(decisions)-1].Reason; got != step.want {
			t.Errorf("got %s, want %s", got, step.want)
		}
		step.cure()
	}
}
