package reward

import (
	"cmp"
	"slices"
	"testing"
)

func TestSuspendedCampaignKeepsItsPairs(t *testing.T) {
	suspend := func(s *story) { s.campaign().Mode = Suspended }
	for name, change := range map[string]func(s *story){
		"with a refund":          func(s *story) { s.p1().Refunded = 4000 },
		"with the signup gone":   func(s *story) { s.ben.Signup = nil },
		"with the purchase gone": func(s *story) { s.remove("p1") },
		"with nothing new":       func(*story) {},
	} {
		t.Run("a granted pair stays as it is "+name, func(t *testing.T) {
			s := newStory().record(t)
			suspend(s)
			change(s)
			outcome := s.decide(t)
			if len(outcome.Decisions) > 0 || !slices.Equal(outcome.Deferred, []string{"invite"}) || outcome.Attribution != s.ben.Attribution {
				t.Errorf("got %+v", outcome)
			}
		})
	}
	t.Run("a pair that begins to count claims capacity", func(t *testing.T) {
		s := newStory(suspend)
		if outcome := s.decide(t); len(outcome.Claims) != 1 || len(outcome.Deferred) > 0 {
			t.Errorf("got %+v", outcome)
		}
	})
	t.Run("a pair that counts again claims capacity", func(t *testing.T) {
		s := newStory().record(t)
		s.p1().Refunded = 4000
		s.record(t)
		s.p1().Refunded = 0
		suspend(s)
		if outcome := s.decide(t); len(outcome.Claims) != 1 {
			t.Errorf("got %+v", outcome)
		}
	})
	t.Run("a waiting pair keeps its attribution", func(t *testing.T) {
		s := newStory(suspend, func(s *story) {
			s.ben.Attribution = s.decide(t).Attribution
			s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "invite", ReferrerID: "anna", Revision: 1, State: Waiting, Order: 3}}
			s.link().Campaign = "other"
			s.config.Campaigns["other"] = openCampaign("other", fiveDollars())
		})
		if outcome := s.decide(t); outcome.Attribution != s.ben.Attribution || len(outcome.Decisions) > 0 {
			t.Errorf("got %+v", outcome)
		}
	})
	t.Run("pairs of another campaign are decided", func(t *testing.T) {
		s := newStory().record(t)
		s.config.Campaigns["other"] = &Campaign{Name: "other", Mode: Suspended}
		s.ben.Pairs = append(s.ben.Pairs, Pair{PurchaseID: "p0", Campaign: "other", ReferrerID: "carl", Revision: 1, State: Waiting, Order: 3})
		s.p1().Refunded = 4000
		s.expect(t, "p1 Reversed Refunded")
	})
	t.Run("nothing is lost when it is resumed", func(t *testing.T) {
		s := newStory().record(t)
		s.p1().Refunded = 4000
		suspend(s)
		s.record(t)
		s.campaign().Mode = Open
		s.expect(t, "p1 Reversed Refunded")
	})
}

func TestMissingPolicyAdmitsNothing(t *testing.T) {
	missing := func(s *story) { s.campaign().Mode = PolicyMissing }
	t.Run("a new pair is attributed and claims capacity", func(t *testing.T) {
		outcome := newStory(missing).decide(t)
		if outcome.Attribution == nil || len(outcome.Deferred) > 0 || len(outcome.Claims) != 1 {
			t.Errorf("got %+v", outcome)
		}
	})
	t.Run("what would not count anyway is decided", func(t *testing.T) {
		s := newStory(missing, func(s *story) { s.p1().Refunded = 4000 })
		s.expect(t, "p1 NotCounting Refunded")
	})
	t.Run("an admitted pair lives on", func(t *testing.T) {
		s := newStory().record(t)
		missing(s)
		s.expect(t, granted)
		s.p1().Refunded = 4000
		s.expect(t, "p1 Reversed Refunded")
	})
	t.Run("a reversed pair that counts again claims capacity", func(t *testing.T) {
		s := newStory().record(t)
		s.p1().Refunded = 4000
		s.record(t)
		s.p1().Refunded = 0
		missing(s)
		if outcome := s.decide(t); len(outcome.Claims) != 1 {
			t.Errorf("got %+v", outcome)
		}
	})
}

func TestDeletedCampaignAdmitsNothing(t *testing.T) {
	closed := func(s *story) { s.campaign().Mode = Closed }
	t.Run("it binds no signup", func(t *testing.T) {
		s := newStory(closed)
		s.expect(t, "p1 NotCounting CampaignDeleted")
		if outcome := s.decide(t); outcome.Attribution != nil || len(outcome.Deferred) > 0 {
			t.Errorf("got %+v", outcome)
		}
	})
	t.Run("it lets go of a signup that waits for its first purchase", func(t *testing.T) {
		s := newStory(func(s *story) { s.ben.Purchases = nil }).record(t)
		closed(s)
		if got := s.decide(t).Attribution; got != nil {
			t.Errorf("still attributed to %+v", got)
		}
	})
	t.Run("its holds mature and its refunds reverse", func(t *testing.T) {
		s := newStory(func(s *story) { s.terms().HoldPeriod = 1 << 50 })
		s.now = day(2)
		s.record(t)
		closed(s)
		s.now = day(100)
		s.expect(t, granted)
		s.p1().Refunded = 4000
		s.expect(t, "p1 Reversed Refunded")
	})
	t.Run("it admits no further pair until it is declared again", func(t *testing.T) {
		s := newStory(func(s *story) { s.terms().Purchases = EveryPurchase }).record(t)
		s.buy("p2", 4000, day(3))
		closed(s)
		s.expect(t, granted, "p2 NotCounting CampaignDeleted")
		if got := s.decide(t).Deferred; !slices.Equal(got, []string{"invite"}) {
			t.Errorf("deferred to %q", got)
		}
		s.record(t)
		s.campaign().Mode = Open
		s.expect(t, granted, "p2 Granted Qualified: inviter anna 5.00 USD")
	})
	for name, exclude := range map[string]func(s *story){
		"is too small":      func(s *story) { s.purchase("p2").Amount = 100 },
		"is refunded":       func(s *story) { s.purchase("p2").Refunded = 4000 },
		"is too early":      func(s *story) { s.purchase("p2").PurchasedAt = day(-1) },
		"is denied":         func(s *story) { s.purchase("p2").Override = Deny },
		"is not the first":  func(s *story) { s.terms().Purchases = FirstPurchase },
		"has lost a signup": func(s *story) { s.ben.Signup = nil },
	} {
		t.Run("that it is deleted comes first of a new purchase that also "+name, func(t *testing.T) {
			s := newStory(func(s *story) {
				s.terms().Purchases, s.terms().MinimumAmounts = EveryPurchase, map[string]int64{"USD": 1000}
			}).record(t)
			s.buy("p2", 4000, day(3))
			exclude(s)
			s.expectOf(t, "p2", NotCounting, "")
			closed(s)
			s.expectOf(t, "p2", NotCounting, CampaignDeleted)
			if got := s.decide(t).Deferred; len(got) > 0 {
				t.Errorf("it would not count in an open campaign, and is deferred to %q", got)
			}
		})
	}
	t.Run("a reversed pair that would count again is told why it does not", func(t *testing.T) {
		s := newStory().record(t)
		s.p1().Refunded = 4000
		s.record(t)
		s.p1().Refunded = 0
		closed(s)
		s.expect(t, "p1 Reversed CampaignDeleted")
		if got := s.decide(t).Deferred; !slices.Equal(got, []string{"invite"}) {
			t.Errorf("deferred to %q", got)
		}
	})
	for name, change := range map[string]func(s *story){
		"without an attribution": func(*story) {},
		"that keeps its attribution": func(s *story) {
			s.terms().Purchases = EveryPurchase
			s.buy("p2", 4000, day(3))
			s.ben.Attribution = s.decide(t).Attribution
			s.ben.Pairs = append(s.ben.Pairs, Pair{PurchaseID: "p2", Campaign: "invite", ReferrerID: "anna", Revision: 1, State: Waiting, Order: 4})
		},
	} {
		t.Run("a reversed pair that was never admitted keeps its reason and, declared again, its revision "+name, func(t *testing.T) {
			s := newStory(func(s *story) {
				s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "invite", ReferrerID: "anna", Revision: 2, State: Reversed, Reason: Refunded}}
				next := s.campaign().Revisions[0]
				next.Number, next.RecordedAt, next.Scope = 2, day(9), NewPairs
				s.campaign().Revisions = append(s.campaign().Revisions, next)
				change(s)
			}, closed)
			closing := s.decide(t).Decisions[0]
			if closing.State != Reversed || closing.Reason != Refunded || closing.Revision != 2 {
				t.Errorf("closed: got %+v", closing)
			}
			s.ben.Pairs[0].Reason = closing.Reason
			s.campaign().Mode = Open
			if again := s.decide(t).Decisions[0]; again.Revision != 2 {
				t.Errorf("declared again: got %+v", again)
			}
		})
	}
	t.Run("a waiting pair whose signup comes to lead to a deleted campaign is not taken back", func(t *testing.T) {
		s := newStory(func(s *story) {
			s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "invite", ReferrerID: "anna", Revision: 1, State: Waiting, Order: 3}}
			s.link().Campaign = "other"
			s.config.Campaigns["other"] = &Campaign{Name: "other", Mode: Closed}
		})
		s.expect(t, "p1 Reversed NotAttributed")
	})
	t.Run("a waiting pair goes on waiting in its place", func(t *testing.T) {
		s := newStory(func(s *story) {
			s.ben.Attribution = s.decide(t).Attribution
			s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "invite", ReferrerID: "anna", Revision: 1, State: Waiting, Order: 3}}
		}, closed)
		if outcome := s.decide(t); len(outcome.Claims) != 1 || outcome.Claims[0].Decision.Order != 3 {
			t.Errorf("got %+v", outcome)
		}
		s.p1().Refunded = 4000
		s.expect(t, "p1 Reversed Refunded")
	})
	t.Run("declared again it grants nothing twice", func(t *testing.T) {
		s := newStory().record(t)
		closed(s)
		s.record(t)
		s.campaign().Mode = Open
		if got := s.record(t).balances(); got != "anna USD 500" {
			t.Errorf("balances are %q", got)
		}
	})
}

func TestReversingTakesAllCreditBack(t *testing.T) {
	reversing := func(s *story) { s.campaign().Mode = Reversing }
	t.Run("what was granted", func(t *testing.T) {
		s := newStory().record(t)
		reversing(s)
		s.expect(t, "p1 Reversed CampaignDeleted")
		if got := s.record(t).balances(); got != "anna USD 0" {
			t.Errorf("balances: %s", got)
		}
		s.expect(t, "p1 Reversed CampaignDeleted")
	})
	t.Run("what was granted of a purchase that is gone", func(t *testing.T) {
		s := newStory().record(t)
		s.remove("p1")
		reversing(s)
		s.expect(t, "p1 Reversed CampaignDeleted")
	})
	t.Run("what is new is not admitted", func(t *testing.T) {
		newStory(reversing).expect(t, "p1 NotCounting CampaignDeleted")
	})
	t.Run("declared again it is decided anew", func(t *testing.T) {
		s := newStory().record(t)
		reversing(s)
		s.record(t)
		s.ben.Touches[0].Link = linkOf("carl")
		s.campaign().Mode = Open
		s.campaign().Revisions[0].Terms = Terms{Purchases: FirstPurchase, Rewards: []Reward{toAnna(700)}}
		s.expect(t, "p1 Granted Qualified: inviter carl 7.00 USD")
	})
}

// expectOf compares what is decided about one purchase. Empty: any reason but CampaignDeleted.
func (s *story) expectOf(t *testing.T, id string, state State, reason Reason) {
	t.Helper()
	for _, d := range s.decide(t).Decisions {
		if d.PurchaseID != id {
			continue
		}
		if d.State != state || reason == "" && d.Reason == CampaignDeleted || reason != "" && d.Reason != reason {
			t.Errorf("%s is %s for %s, want %s for %s", id, d.State, d.Reason, state, cmp.Or(reason, "another reason"))
		}
		return
	}
	t.Errorf("nothing is decided about %s", id)
}
