package reward

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSuspendedCampaignFreezesTheReferee(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T) *story{
		"before anything was decided": func(*testing.T) *story { return newStory() },
		"after a grant, with a refund since": func(t *testing.T) *story {
			t.Helper()
			s := newStory().record(t)
			s.p1().Refunded = 4000
			return s
		},
		"after a grant, with the signup gone": func(t *testing.T) *story {
			t.Helper()
			s := newStory().record(t)
			s.ben.Signup = nil
			return s
		},
		"with a pair left from it, though bound elsewhere now": func(*testing.T) *story {
			s := newStory(func(s *story) {
				s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "invite", Revision: 1, State: Waiting}}
				s.link().Campaign = "other"
				s.config.Campaigns["other"] = openCampaign("other", fiveDollars())
			})
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := prepare(t)
			s.campaign().Mode = Suspended
			want := Outcome{Attribution: s.ben.Attribution, Deferred: "invite", Frozen: true}
			if diff := cmp.Diff(want, s.decide(t)); diff != "" {
				t.Errorf("not frozen (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("another's suspension is of no concern", func(t *testing.T) {
		s := newStory(func(s *story) { s.config.Campaigns["other"] = &Campaign{Name: "other", Mode: Suspended} })
		s.expect(t, granted)
	})
	t.Run("nothing is lost when it is resumed", func(t *testing.T) {
		s := newStory()
		s.campaign().Mode = Suspended
		s.record(t)
		s.campaign().Mode = Open
		s.expect(t, granted)
	})
}

func TestMissingPolicyAdmitsNothing(t *testing.T) {
	missing := func(s *story) { s.campaign().Mode = PolicyMissing }
	t.Run("a new pair waits for it, bound already", func(t *testing.T) {
		outcome := newStory(missing).decide(t)
		if outcome.Attribution == nil || outcome.Deferred != "invite" || outcome.Frozen || len(outcome.Decisions) != 0 {
			t.Errorf("got %+v", outcome)
		}
	})
	t.Run("what would not count anyway is decided", func(t *testing.T) {
		s := newStory(missing, func(s *story) { s.p1().Refunded = 4000 })
		s.expect(t, "p1 NotCounting Refunded")
		if got := s.decide(t).Deferred; got != "" {
			t.Errorf("deferred to %q", got)
		}
	})
	t.Run("an admitted pair lives on", func(t *testing.T) {
		s := newStory().record(t)
		missing(s)
		s.expect(t, granted)
		s.p1().Refunded = 4000
		s.expect(t, "p1 Reversed Refunded")
	})
	t.Run("a reversed pair that counts again stays as it is until then", func(t *testing.T) {
		s := newStory().record(t)
		s.p1().Refunded = 4000
		s.record(t)
		s.p1().Refunded = 0
		missing(s)
		s.expect(t, "p1 Reversed Refunded")
		if got := s.decide(t).Deferred; got != "invite" {
			t.Errorf("deferred to %q", got)
		}
		s.campaign().Mode = Open
		s.expect(t, granted)
	})
}

func TestDeletedCampaignAdmitsNothing(t *testing.T) {
	closed := func(s *story) { s.campaign().Mode = Closed }
	t.Run("it binds no signup", func(t *testing.T) {
		s := newStory(closed)
		s.expect(t, "p1 NotCounting CampaignDeleted")
		if outcome := s.decide(t); outcome.Attribution != nil || outcome.Deferred != "" {
			t.Errorf("got %+v", outcome)
		}
	})
	t.Run("it lets go of a signup that waits for its first purchase", func(t *testing.T) {
		s := newStory(func(s *story) { s.ben.Purchases = nil }).record(t)
		closed(s)
		if got := s.decide(t).Attribution; got != nil {
			t.Errorf("still bound to %+v", got)
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
		if got := s.decide(t).Deferred; got != "invite" {
			t.Errorf("deferred to %q", got)
		}
		s.record(t)
		s.campaign().Mode = Open
		s.expect(t, granted, "p2 Granted Qualified: inviter anna 5.00 USD")
	})
	t.Run("a reversed pair that would count again is told why it does not", func(t *testing.T) {
		s := newStory().record(t)
		s.p1().Refunded = 4000
		s.record(t)
		s.p1().Refunded = 0
		closed(s)
		s.expect(t, "p1 Reversed CampaignDeleted")
		if got := s.decide(t).Deferred; got != "invite" {
			t.Errorf("deferred to %q", got)
		}
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

func TestReversingTakesAllBack(t *testing.T) {
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
