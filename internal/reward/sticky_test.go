package reward

import (
	"testing"
	"time"
)

// An admitted pair is re-decided from its own signup, purchase, refunds and override at its
// revision, and from nothing else.

func TestAdmittedPairDependsOnNothingButItsOwnFacts(t *testing.T) {
	for name, edit := range map[string]func(*story){
		"a fingerprint that comes to be shared": func(s *story) {
			s.ben.Signup.Fingerprints = []string{"f"}
			s.ben.ReferrerFingerprints = map[string][]string{"anna": {"f"}}
		},
		"a campaign that begins later now": func(s *story) { s.campaign().StartsAt = day(50) },
		"a campaign that has ended":        func(s *story) { s.campaign().EndsAt = day(0) },
		"a narrower window":                func(s *story) { s.campaign().AttributionWindow = time.Minute },
		"a deleted campaign":               func(s *story) { s.campaign().Mode = Closed },
		"a policy that is missing":         func(s *story) { s.campaign().Mode = PolicyMissing },
		"newer terms": func(s *story) {
			s.revise(day(0), Terms{Purchases: FirstPurchase, WithinSignup: time.Minute, MinimumAmounts: map[string]int64{"EUR": 1}, Rewards: []Reward{toAnna(1)}})
		},
		"an earlier purchase": func(s *story) { s.buy("p0", 4000, day(1)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory().record(t)
			edit(s)
			for _, decision := range s.decide(t).Decisions {
				if decision.PurchaseID == "p1" && decision.State != Granted {
					t.Errorf("got %s %s", decision.State, decision.Reason)
				}
			}
		})
	}
}

func TestAdmittedPairFollowsItsOwnFacts(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*story)
		want string
	}{
		{"purchase gone", func(s *story) { s.remove("p1") }, "p1 Reversed PurchaseRemoved"},
		{"signup gone", func(s *story) { s.ben.Signup = nil }, "p1 Reversed PurchaseRemoved"},
		{"purchase moved before the touch", func(s *story) { s.p1().PurchasedAt = day(-1) }, "p1 Reversed OutsideWindow"},
		{"purchase moved past withinSignup", func(s *story) { s.p1().PurchasedAt = day(90) }, "p1 Reversed OutsideWindow"},
		{"signup moved so that withinSignup is over", func(s *story) { s.ben.Signup.SignedUpAt = day(-80) }, "p1 Reversed OutsideWindow"},
		{"signup by code moved behind the purchase", func(s *story) {
			s.ben.Attribution.Source = FromCode
			s.ben.Signup.SignedUpAt = day(2).Add(instant)
		}, "p1 Reversed OutsideWindow"},
		{"refunded", func(s *story) { s.p1().Refunded = 4000 }, "p1 Reversed Refunded"},
		{"currency corrected to one that is not listed", func(s *story) { s.p1().Currency = "EUR" }, "p1 Reversed CurrencyMismatch"},
		{"amount corrected below the minimum", func(s *story) { s.p1().Amount = 1999 }, "p1 Reversed BelowMinimum"},
		{"net amount below the minimum", func(s *story) { s.p1().Refunded = 2001 }, "p1 Reversed BelowMinimum"},
		{"denied", func(s *story) { s.p1().Override = Deny }, "p1 Reversed Overridden"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStory(func(s *story) {
				s.terms().WithinSignup = 80 * 24 * time.Hour
				s.terms().MinimumAmounts = map[string]int64{"USD": 2000}
			}).record(t)
			s.expect(t, granted)
			c.edit(s)
			s.expect(t, c.want)
			s.record(t).expect(t, c.want)
			if got := s.balances(); got != "anna USD 0" {
				t.Errorf("balances are %q", got)
			}
		})
	}
}

func TestMissingSignupReversesThePair(t *testing.T) {
	for _, state := range []State{Held, Waiting, Granted, Reversed} {
		t.Run(string(state), func(t *testing.T) {
			s := newStory(func(s *story) {
				s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "invite", ReferrerID: "anna", Revision: 1, State: state}}
				s.ben.Signup = nil
				s.buy("p2", 4000, day(3))
			})
			s.expect(t, "p1 Reversed PurchaseRemoved", "p2 NotCounting PurchaseRemoved")
		})
	}
}

func TestPairThatCountsAgainKeepsRevisionAndGetsNewOrder(t *testing.T) {
	reversed := func(t *testing.T) *story {
		t.Helper()
		s := newStory().record(t)
		s.p1().Refunded = 4000
		return s.record(t)
	}
	t.Run("a refund withdrawn: granted again", func(t *testing.T) {
		s := reversed(t)
		s.p1().Refunded = 0
		s.expect(t, granted)
	})
	t.Run("an order refunded and paid anew is granted again", func(t *testing.T) {
		s := reversed(t)
		s.remove("p1")
		s.record(t)
		s.buy("p1", 4000, day(6))
		s.expect(t, granted)
	})
	t.Run("it is admitted anew, so the campaign's period counts as it is now", func(t *testing.T) {
		s := reversed(t)
		s.p1().Refunded = 0
		s.campaign().EndsAt = day(0)
		s.expect(t, "p1 Reversed OutsideCampaign")
	})
	t.Run("and the window from touch to signup", func(t *testing.T) {
		s := reversed(t)
		s.p1().Refunded = 0
		s.campaign().AttributionWindow = time.Hour
		s.expect(t, "p1 Reversed OutsideWindow")
	})
	t.Run("and fingerprints that came to be shared", func(t *testing.T) {
		s := reversed(t)
		s.p1().Refunded = 0
		s.ben.Signup.Fingerprints = []string{"f"}
		s.ben.ReferrerFingerprints = map[string][]string{"anna": {"f"}}
		s.expect(t, "p1 Reversed SharedFingerprint")
	})
	t.Run("with a typed code there is no such window, wherever the signup was moved", func(t *testing.T) {
		s := newStory(func(s *story) {
			s.terms().Purchases = EveryPurchase
			s.typed(linkOf("anna"))
		}).record(t)
		s.ben.Signup.SignedUpAt = day(40)
		s.p1().PurchasedAt = day(50)
		s.buy("p2", 4000, day(60))
		s.expect(t, granted, "p2 Granted Qualified: inviter anna 5.00 USD")
	})
	t.Run("while it stays refunded it says so, whatever else comes", func(t *testing.T) {
		s := reversed(t)
		s.campaign().EndsAt = day(0)
		s.ben.Touches = nil
		s.expect(t, "p1 Reversed Refunded")
	})
}

func TestCampaignEditsApplyToLaterAdmissionsOnly(t *testing.T) {
	every := func(s *story) { s.terms().Purchases = EveryPurchase }
	s := newStory(every).record(t)
	s.buy("p2", 4000, day(3))
	s.campaign().EndsAt = day(1)
	s.expect(t, granted, "p2 NotCounting OutsideCampaign")
}
