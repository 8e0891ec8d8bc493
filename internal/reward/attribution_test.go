package reward

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const instant = time.Microsecond

func TestTypedCodeDecidesAlone(t *testing.T) {
	rule(t, []ruleCase{
		{"a typed code attributes", func(s *story) { s.typed(linkOf("anna")) }, says(granted)},
		{"a typed code outweighs touches", func(s *story) {
			s.ben.Signup.Code, s.ben.Code = "by-carl", linkOf("carl")
		}, says("p1 Granted Qualified: inviter carl 5.00 USD")},
		{"a code that names no link is as none: touches decide", func(s *story) {
			s.ben.Signup.Code, s.ben.Code = "coupon", nil
		}, says(granted)},
		{"a code that names no link, without touches", func(s *story) { s.typed(nil) }, says("p1 NotCounting NotAttributed")},
		{"a code of an expired link decides alone, touches or not", func(s *story) {
			s.ben.Signup.Code, s.ben.Code = "c", &Link{Code: "c", Campaign: "invite", ReferrerID: "carl", ExpiresAt: new(day(1))}
		}, says("p1 NotCounting NotAttributed")},
		{"a code of a disabled link decides alone, touches or not", func(s *story) {
			s.ben.Signup.Code, s.ben.Code = "c", &Link{Code: "c", Campaign: "invite", ReferrerID: "carl", DisabledAt: new(day(1))}
		}, says("p1 NotCounting NotAttributed")},
		{"a code of an undeclared campaign decides alone, touches or not", func(s *story) {
			s.ben.Signup.Code, s.ben.Code = "c", &Link{Code: "c", Campaign: "later", ReferrerID: "carl"}
		}, says("p1 NotCounting NotAttributed")},
		{"a link expiring after signup attributes", func(s *story) {
			s.typed(&Link{Code: "c", Campaign: "invite", ReferrerID: "anna", ExpiresAt: new(day(1).Add(instant))})
		}, says(granted)},
		{"a link expiring at signup attributes nothing", func(s *story) {
			s.typed(&Link{Code: "c", Campaign: "invite", ReferrerID: "anna", ExpiresAt: new(day(1))})
		}, says("p1 NotCounting NotAttributed")},
		{"a link disabled at signup attributes nothing", func(s *story) {
			s.typed(&Link{Code: "c", Campaign: "invite", ReferrerID: "anna", DisabledAt: new(day(1))})
		}, says("p1 NotCounting NotAttributed")},
		{"a link disabled after signup attributes", func(s *story) {
			s.typed(&Link{Code: "c", Campaign: "invite", ReferrerID: "anna", DisabledAt: new(day(1).Add(instant))})
		}, says(granted)},
		{"a code of an undeclared campaign attributes nothing", func(s *story) {
			s.typed(&Link{Code: "c", Campaign: "later", ReferrerID: "anna"})
		}, says("p1 NotCounting NotAttributed")},
		{"a code of a deleted campaign attributes nothing, and the reason says so", func(s *story) {
			s.typed(linkOf("anna"))
			s.campaign().Mode = Closed
		}, says("p1 NotCounting CampaignDeleted")},
		{"a code outside the campaign's period attributes nothing, and the reason says so", func(s *story) {
			s.typed(linkOf("anna"))
			s.campaign().EndsAt = day(1)
		}, says("p1 NotCounting OutsideCampaign")},
		{"a referee's own code attributes, and earns nothing", func(s *story) { s.typed(linkOf("ben")) }, says("p1 NotCounting SelfReferral")},
		{"a purchase beforeSignup before the signup by code counts", func(s *story) {
			s.typed(linkOf("anna"))
			s.terms().BeforeSignup = time.Hour
			s.p1().PurchasedAt = day(1).Add(-time.Hour)
		}, says(granted)},
		{"a purchase earlier than beforeSignup does not count", func(s *story) {
			s.typed(linkOf("anna"))
			s.terms().BeforeSignup = time.Hour
			s.p1().PurchasedAt = day(1).Add(-time.Hour - instant)
		}, says("p1 NotCounting OutsideWindow")},
		{"beforeSignup is not about touches", func(s *story) {
			s.terms().BeforeSignup = time.Hour
			s.p1().PurchasedAt = day(0).Add(-instant)
		}, says("p1 NotCounting OutsideWindow")},
		{"a purchase before the signup by code does not count without beforeSignup", func(s *story) {
			s.typed(linkOf("anna"))
			s.p1().PurchasedAt = day(1).Add(-instant)
		}, says("p1 NotCounting OutsideWindow")},
	})
}

func TestLinkCreatedAfterSignupDecidesByItsTypedCode(t *testing.T) {
	s := newStory(func(s *story) {
		s.ben.Signup.Code, s.ben.Purchases = "by-carl", nil
	})
	s.record(t)
	if got := s.ben.Attribution.ReferrerID; got != "anna" {
		t.Fatalf("attributed to %s by the touch, want anna", got)
	}
	s.ben.Code = linkOf("carl")
	s.record(t)
	if got := s.ben.Attribution; got.ReferrerID != "carl" || got.Source != FromCode {
		t.Errorf("attributed to %+v, want carl by the code", got)
	}
	s.ben.Code = nil // the link is removed again
	s.buy("p1", 4000, day(2))
	s.record(t)
	s.ben.Code = linkOf("carl")
	s.expect(t, granted) // anna's, who keeps what was admitted
}

func TestTouchAttributesWithinWindowAndPeriod(t *testing.T) {
	window := 30 * 24 * time.Hour
	rule(t, []ruleCase{
		{"a touch before signup attributes", func(*story) {}, says(granted)},
		{"a touch at signup attributes", func(s *story) { s.ben.Touches[0].TouchedAt = day(1) }, says(granted)},
		{"a touch after signup attributes nothing", func(s *story) {
			s.ben.Touches[0].TouchedAt = day(1).Add(instant)
		}, says("p1 NotCounting NotAttributed")},
		{"a touch just within the window attributes", func(s *story) {
			s.ben.Touches[0].TouchedAt = day(1).Add(-window)
		}, says(granted)},
		{"a touch just before the window attributes nothing, and the reason says so", func(s *story) {
			s.ben.Touches[0].TouchedAt = day(1).Add(-window - instant)
		}, says("p1 NotCounting OutsideWindow")},
		{"a link that expires after the touch attributes", func(s *story) {
			s.link().ExpiresAt = new(day(0).Add(instant))
		}, says(granted)},
		{"a link expired at the touch attributes nothing", func(s *story) { s.link().ExpiresAt = new(day(0)) }, says("p1 NotCounting NotAttributed")},
		{"a link that expired at Go's zero time attributes nothing", func(s *story) { s.link().ExpiresAt = new(time.Time{}) }, says("p1 NotCounting NotAttributed")},
		{"a link disabled at Go's zero time attributes nothing", func(s *story) { s.link().DisabledAt = new(time.Time{}) }, says("p1 NotCounting NotAttributed")},
		{"a link disabled at the touch attributes nothing", func(s *story) { s.link().DisabledAt = new(day(0)) }, says("p1 NotCounting NotAttributed")},
		{"a link disabled after the touch attributes", func(s *story) { s.link().DisabledAt = new(day(0, 1)) }, says(granted)},
		{"an owner's own click is no touch", func(s *story) {
			s.ben.Touches = append(s.ben.Touches, touchOf("t2", day(0, 9), linkOf("ben")))
		}, says(granted)},
		{"nothing but an owner's own click attributes nothing", func(s *story) {
			s.ben.Touches[0].Link = linkOf("ben")
		}, says("p1 NotCounting NotAttributed")},
		{"a touch of an undeclared campaign is passed over", func(s *story) {
			later := touchOf("t2", day(0, 9), &Link{Code: "x", Campaign: "later", ReferrerID: "carl"})
			s.ben.Touches = append(s.ben.Touches, later)
		}, says(granted)},
		{"a touch of a deleted campaign is passed over", func(s *story) {
			s.config.Campaigns["old"] = &Campaign{Name: "old", Mode: Closed}
			s.ben.Touches = append(s.ben.Touches, touchOf("t2", day(0, 9), &Link{Code: "x", Campaign: "old", ReferrerID: "carl"}))
		}, says(granted)},
		{"a signup at the campaign's start attributes", func(s *story) { s.campaign().StartsAt = day(1) }, says(granted)},
		{"a signup before the campaign's start does not", func(s *story) {
			s.campaign().StartsAt = day(1).Add(instant)
		}, says("p1 NotCounting OutsideCampaign")},
		{"a signup before the campaign's end attributes", func(s *story) { s.campaign().EndsAt = day(1).Add(instant) }, says(granted)},
		{"a signup at the campaign's end does not", func(s *story) { s.campaign().EndsAt = day(1) }, says("p1 NotCounting OutsideCampaign")},
		{"a purchase long after the campaign's end counts", func(s *story) { s.campaign().EndsAt = day(1, 1) }, says(granted)},
		{"no touch and no code", func(s *story) { s.ben.Touches = nil }, says("p1 NotCounting NotAttributed")},
		{"of touches that do not fit, the period's says more than the window's", func(s *story) {
			s.config.Campaigns["past"] = &Campaign{Name: "past", Mode: Open, EndsAt: day(0)}
			s.ben.Touches = []Touch{
				touchOf("t1", day(1).Add(-window-instant), linkOf("anna")),
				touchOf("t2", day(0), &Link{Code: "x", Campaign: "past", ReferrerID: "carl"}),
				touchOf("t3", day(50), linkOf("anna")),
			}
		}, says("p1 NotCounting OutsideCampaign")},
	})
}

func TestAttributionModelPicksTheTouch(t *testing.T) {
	touch := func(id, referrer string, at time.Time) Touch { return touchOf(id, at, linkOf(referrer)) }
	for _, c := range []struct {
		name    string
		model   AttributionModel
		touches []Touch
		want    string
	}{
		{"LastTouch: the latest", LastTouch, []Touch{touch("1", "anna", day(0)), touch("2", "carl", day(0, 5)), touch("3", "dora", day(0, 2))}, "by-carl/2"},
		{"FirstTouch: the earliest", FirstTouch, []Touch{touch("1", "anna", day(0, 3)), touch("2", "carl", day(0, 1)), touch("3", "dora", day(0, 2))}, "by-carl/2"},
		{"LastTouch: a later one that does not fit is passed over", LastTouch, []Touch{touch("1", "anna", day(0)), touch("2", "carl", day(9))}, "by-anna/1"},
		{"LastTouch: of one time, the lowest code", LastTouch, []Touch{touch("1", "carl", day(0)), touch("2", "anna", day(0))}, "by-anna/2"},
		{"FirstTouch: of one time, the lowest code", FirstTouch, []Touch{touch("1", "carl", day(0)), touch("2", "anna", day(0))}, "by-anna/2"},
		{"of one time and code, the lowest touch id", LastTouch, []Touch{touch("b", "anna", day(0)), touch("B", "anna", day(0)), touch("a", "anna", day(0))}, "by-anna/B"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStory(func(s *story) { s.config.Attribution, s.ben.Touches = c.model, c.touches })
			got := s.decide(t).Attribution
			if got == nil || got.Code+"/"+got.TouchID != c.want {
				t.Errorf("attributed to %+v, want %s", got, c.want)
			}
		})
	}
}

func TestAttributionNamesItsLinkAndTouch(t *testing.T) {
	byTouch := newStory().decide(t).Attribution
	want := &Attribution{
		Campaign: "invite", Code: "by-anna", ReferrerID: "anna", TouchedAt: day(0),
		Source: FromTouch, VisitorID: "visitor", TouchID: "t1",
	}
	if diff := cmp.Diff(want, byTouch); diff != "" {
		t.Errorf("by touch (-want +got):\n%s", diff)
	}
	byCode := newStory(func(s *story) { s.typed(linkOf("anna")) }).decide(t).Attribution
	want = &Attribution{Campaign: "invite", Code: "by-anna", ReferrerID: "anna", TouchedAt: day(1), Source: FromCode}
	if diff := cmp.Diff(want, byCode); diff != "" {
		t.Errorf("by code (-want +got):\n%s", diff)
	}
}

func TestAttributionFollowsFactsUntilAdmission(t *testing.T) {
	t.Run("a touch that commits late takes over while nothing was bought", func(t *testing.T) {
		s := newStory(func(s *story) { s.ben.Purchases = nil }).record(t)
		s.ben.Touches = append(s.ben.Touches, touchOf("t2", day(0, 9), linkOf("carl")))
		s.record(t)
		s.buy("p1", 4000, day(2))
		s.expect(t, "p1 Granted Qualified: inviter carl 5.00 USD")
	})
	t.Run("touches purged before admission end the attribution", func(t *testing.T) {
		s := newStory(func(s *story) { s.ben.Purchases = nil }).record(t)
		s.ben.Touches = nil
		if got := s.decide(t).Attribution; got != nil {
			t.Errorf("still attributed to %+v", got)
		}
	})
	t.Run("a signup that goes before admission ends the attribution", func(t *testing.T) {
		s := newStory(func(s *story) { s.p1().Refunded = 4000 }).record(t)
		s.ben.Signup = nil
		if got := s.decide(t).Attribution; got != nil {
			t.Errorf("still attributed to %+v", got)
		}
	})
	for name, edit := range map[string]func(*story){
		"a later touch":       func(s *story) { s.ben.Touches = append(s.ben.Touches, touchOf("t2", day(0, 9), linkOf("carl"))) },
		"purged touches":      func(s *story) { s.ben.Touches = nil },
		"a disabled link":     func(s *story) { s.link().DisabledAt = new(day(-1)) },
		"an ended campaign":   func(s *story) { s.campaign().EndsAt = day(0) },
		"a narrower window":   func(s *story) { s.campaign().AttributionWindow = time.Minute },
		"a deleted campaign":  func(s *story) { s.campaign().Mode = Closed },
		"a code typed late":   func(s *story) { s.ben.Signup.Code, s.ben.Code = "by-carl", linkOf("carl") },
		"the other model":     func(s *story) { s.config.Attribution = FirstTouch },
		"a link handed on":    func(s *story) { s.link().ReferrerID = "carl" },
		"a signup that moved": func(s *story) { s.ben.Signup.SignedUpAt = day(-5) },
	} {
		t.Run("once admitted, kept whatever comes: "+name, func(t *testing.T) {
			s := newStory().record(t)
			kept := *s.ben.Attribution
			edit(s)
			s.expect(t, granted)
			if diff := cmp.Diff(&kept, s.decide(t).Attribution); diff != "" {
				t.Errorf("attribution differs (-before +after):\n%s", diff)
			}
		})
	}
	t.Run("kept also when the pair was reversed since", func(t *testing.T) {
		s := newStory().record(t)
		s.p1().Refunded = 4000
		s.record(t)
		s.ben.Touches = []Touch{touchOf("t2", day(0, 9), linkOf("carl"))}
		s.buy("p2", 4000, day(3))
		s.expect(t, "p1 Reversed Refunded", "p2 Granted Qualified: inviter anna 5.00 USD")
	})
}
