package reward

import "testing"

func TestAllowLiftsSelfRewardAndDenyBlocks(t *testing.T) {
	const allowed = "p1 Granted Overridden: inviter anna 5.00 USD"
	fingerprints := func(s *story) {
		s.ben.Signup.Fingerprints = []string{"f"}
		s.ben.ReferrerFingerprints = map[string][]string{"anna": {"f"}}
	}
	rule(t, []ruleCase{
		{"Deny blocks", func(s *story) { s.p1().Override = Deny }, says("p1 NotCounting Overridden")},
		{"Allow lifts a shared fingerprint", func(s *story) {
			fingerprints(s)
			s.p1().Override = Allow
		}, says(allowed)},
		{"Allow lifts self-referral", func(s *story) {
			s.typed(linkOf("ben"))
			s.p1().Override = Allow
		}, says("p1 Granted Overridden: inviter ben 5.00 USD")},
		{"Allow lifts nothing else: refunds", func(s *story) {
			s.p1().Override, s.p1().Refunded = Allow, 4000
		}, says("p1 NotCounting Refunded")},
		{"Allow lifts nothing else: attribution", func(s *story) {
			s.p1().Override, s.ben.Touches = Allow, nil
		}, says("p1 NotCounting NotAttributed")},
		{"Allow lifts nothing else: First", func(s *story) {
			s.buy("p2", 4000, day(3))
			s.purchase("p2").Override = Allow
		}, says(granted, "p2 NotCounting NotFirstPurchase")},
		{"Allow shortens no hold", func(s *story) {
			s.terms().HoldPeriod = 1
			s.now = day(2)
			s.p1().Override = Allow
		}, says("p1 Held HoldPeriod: inviter anna 5.00 USD")},
		{"an override is of one purchase", func(s *story) {
			fingerprints(s)
			s.terms().Purchases = EveryPurchase
			s.buy("p2", 4000, day(3))
			s.p1().Override = Allow
		}, says(allowed, "p2 NotCounting SharedFingerprint")},
	})
	t.Run("a Deny withdrawn: granted again", func(t *testing.T) {
		s := newStory().record(t)
		s.p1().Override = Deny
		s.record(t)
		if got := s.balances(); got != "anna USD 0" {
			t.Errorf("balances while denied: %q", got)
		}
		s.p1().Override = NoVerdict
		s.expect(t, granted)
	})
	t.Run("an Allow withdrawn takes back what it alone admitted", func(t *testing.T) {
		s := newStory(fingerprints, func(s *story) { s.p1().Override = Allow }).record(t)
		s.p1().Override = NoVerdict
		s.expect(t, "p1 Reversed SharedFingerprint")
		s.record(t).expect(t, "p1 Reversed SharedFingerprint")
	})
	t.Run("an Allow withdrawn while the hold lasts takes it back too", func(t *testing.T) {
		s := newStory(fingerprints, func(s *story) { s.p1().Override, s.terms().HoldPeriod, s.now = Allow, 1, day(2) }).record(t)
		s.expect(t, "p1 Held HoldPeriod: inviter anna 5.00 USD")
		s.p1().Override = NoVerdict
		s.expect(t, "p1 Reversed SharedFingerprint")
	})
	t.Run("a fingerprint that comes after an Allow was withdrawn takes nothing back", func(t *testing.T) {
		s := newStory(func(s *story) { s.p1().Override = Allow }).record(t)
		s.p1().Override = NoVerdict
		s.record(t)
		fingerprints(s)
		s.expect(t, granted)
	})
	t.Run("an Allow withdrawn takes back self-referral", func(t *testing.T) {
		s := newStory(func(s *story) { s.typed(linkOf("ben")) }, func(s *story) { s.p1().Override = Allow }).record(t)
		s.p1().Override = NoVerdict
		s.expect(t, "p1 Reversed SelfReferral")
	})
	t.Run("an Allow that was not needed is withdrawn without loss", func(t *testing.T) {
		s := newStory(func(s *story) { s.p1().Override = Allow }).record(t)
		s.expect(t, allowed)
		s.p1().Override = NoVerdict
		s.expect(t, granted)
	})
	t.Run("a Deny in place of an Allow says it was denied", func(t *testing.T) {
		s := newStory(fingerprints, func(s *story) { s.p1().Override = Allow }).record(t)
		s.p1().Override = Deny
		s.expect(t, "p1 Reversed Overridden")
		s.record(t).expect(t, "p1 Reversed Overridden")
	})
}
