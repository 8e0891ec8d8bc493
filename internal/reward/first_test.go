package reward

import "testing"

func TestEarliestCountingPurchaseIsFirst(t *testing.T) {
	rule(t, []ruleCase{
		{"the earliest counts, the other does not", func(s *story) { s.buy("p2", 9000, day(3)) },
			says(granted, "p2 NotCounting NotFirstPurchase")},
		{"it is about purchase time, not about ids", func(s *story) { s.buy("p0", 9000, day(3)) },
			says("p0 NotCounting NotFirstPurchase", granted)},
		{"of one time, the lowest id", func(s *story) { s.buy("P9", 9000, day(2)) },
			says("P9 Granted Qualified: inviter anna 5.00 USD", "p1 NotCounting NotFirstPurchase")},
		{"what does not count does not compete", func(s *story) {
			s.buy("p2", 9000, day(3))
			s.p1().Refunded = 4000
		}, says("p1 NotCounting Refunded", "p2 Granted Qualified: inviter anna 5.00 USD")},
		{"a purchase below the minimum is not the first", func(s *story) {
			s.terms().MinimumAmounts = map[string]int64{"USD": 5000}
			s.buy("p2", 9000, day(3))
		}, says("p1 NotCounting BelowMinimum", "p2 Granted Qualified: inviter anna 5.00 USD")},
		{"under Every each one counts", func(s *story) {
			s.terms().Purchases = EveryPurchase
			s.buy("p2", 9000, day(3))
		}, says(granted, "p2 Granted Qualified: inviter anna 5.00 USD")},
		{"a denied purchase occupies the place", func(s *story) {
			s.buy("p2", 9000, day(3))
			s.p1().Override = Deny
		}, says("p1 NotCounting Overridden", "p2 NotCounting NotFirstPurchase")},
	})
}

func TestAdmittedPurchaseStaysFirst(t *testing.T) {
	const next = "p2 Granted Qualified: inviter anna 5.00 USD"
	both := func(s *story) { s.buy("p2", 9000, day(3)) }

	t.Run("by the admitted one when an earlier purchase comes to light", func(t *testing.T) {
		s := newStory().record(t)
		s.buy("p0", 9000, day(1))
		s.expect(t, "p0 NotCounting NotFirstPurchase", granted)
	})
	t.Run("by the admitted one when it is moved behind another", func(t *testing.T) {
		s := newStory(both).record(t)
		s.p1().PurchasedAt = day(9)
		s.expect(t, granted, "p2 NotCounting NotFirstPurchase")
	})
	t.Run("not by one that stops counting: the next becomes a pair", func(t *testing.T) {
		s := newStory(both).record(t)
		s.p1().Refunded = 4000
		s.expect(t, "p1 Reversed Refunded", next)
	})
	t.Run("not by one that is gone", func(t *testing.T) {
		s := newStory(both).record(t)
		s.remove("p1")
		s.expect(t, "p1 Reversed PurchaseRemoved", next)
	})
	t.Run("by the successor when the first counts again", func(t *testing.T) {
		s := newStory(both).record(t)
		s.p1().Refunded = 4000
		s.record(t)
		s.p1().Refunded = 0
		s.expect(t, "p1 Reversed NotFirstPurchase", next)
	})
	t.Run("by a denied one, again and again", func(t *testing.T) {
		s := newStory(both).record(t)
		s.p1().Override = Deny
		for range 3 {
			s.expect(t, "p1 Reversed Overridden", "p2 NotCounting NotFirstPurchase")
			s.record(t)
		}
	})
	t.Run("by a denied one that is not the earliest", func(t *testing.T) {
		s := newStory().record(t)
		s.buy("p0", 9000, day(1))
		s.p1().Override = Deny
		for range 3 {
			s.expect(t, "p0 NotCounting NotFirstPurchase", "p1 Reversed Overridden")
			s.record(t)
		}
	})
	t.Run("no more when the Deny is withdrawn: then the earliest has it", func(t *testing.T) {
		s := newStory().record(t)
		s.buy("p0", 9000, day(1))
		s.p1().Override = Deny
		s.record(t)
		s.p1().Override = NoVerdict
		s.expect(t, "p0 Granted Qualified: inviter anna 5.00 USD", "p1 Reversed NotFirstPurchase")
	})
	t.Run("not by a denied one of a revision with Every", func(t *testing.T) {
		s := newStory(both, func(s *story) {
			s.terms().Purchases = EveryPurchase
			s.p1().Override = Deny
		})
		s.revise(day(2, 12), fiveDollars())
		s.expect(t, "p1 NotCounting Overridden", next)
	})
	t.Run("not by a denied one that is refunded too", func(t *testing.T) {
		s := newStory(both).record(t)
		s.p1().Override = Deny
		s.record(t)
		s.p1().Refunded = 4000
		s.expect(t, "p1 Reversed Refunded", next)
	})
	t.Run("each purchase under its own revision: Every never loses by it", func(t *testing.T) {
		s := newStory(both)
		s.revise(day(2, 12), everyPurchase())
		s.expect(t, granted, next)
	})
	t.Run("each purchase under its own revision: First loses to one of Every", func(t *testing.T) {
		s := newStory(both)
		s.terms().Purchases = EveryPurchase
		s.revise(day(2, 12), fiveDollars())
		s.expect(t, granted, "p2 NotCounting NotFirstPurchase")
	})
}
