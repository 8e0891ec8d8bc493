package reward

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// reviewedWorld is a referee whose purchase of 25 USD counts.
func reviewedWorld() (*Configuration, *Referee, time.Time) {
	signup := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	config := &Configuration{Attribution: LastTouch, Campaigns: map[string]*Campaign{"friends": {
		Name: "friends", Mode: Open, AttributionWindow: 24 * time.Hour,
		StartsAt: signup.Add(-time.Hour), EndsAt: signup.Add(time.Hour),
		Revisions: []Revision{{Number: 1, Terms: Terms{
			Purchases: FirstPurchase, MinimumAmounts: map[string]int64{"USD": 2000}, WithinSignup: time.Hour,
			Rewards: []Reward{{Name: "inviter", Beneficiary: ToReferrer, Fixed: &Money{Amount: 500, Currency: "USD"}}},
		}}},
	}}}
	link := &Link{Code: "a", Campaign: "friends", ReferrerID: "alice"}
	referee := &Referee{
		UserID: "bob", Signup: &Signup{SignedUpAt: signup, ArrivedAt: signup},
		Touches:   []Touch{{VisitorID: "v", TouchID: "1", TouchedAt: signup.Add(-time.Hour), Link: link}},
		Purchases: []Purchase{{ID: "p", Amount: 2500, Currency: "USD", PurchasedAt: signup.Add(time.Minute), ArrivedAt: signup}},
	}
	return config, referee, signup.Add(2 * time.Hour)
}

func TestFailedCheckHasItsNumbers(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Configuration, *Referee)
		want   Check
	}{
		"the minimum is missed by a refund": {
			func(_ *Configuration, r *Referee) { r.Purchases[0].Refunded = 580 },
			Check{RuleMinimumAmount, false, "19.20 USD < 20.00 USD"},
		},
		"the minimum is reached": {
			func(*Configuration, *Referee) {}, Check{RuleMinimumAmount, true, "25.00 USD ≥ 20.00 USD"},
		},
		"a purchase of 0 without a minimum": {
			func(c *Configuration, r *Referee) {
				c.Campaigns["friends"].Revisions[0].Terms.MinimumAmounts, r.Purchases[0].Amount = nil, 0
			},
			Check{RuleMinimumAmount, false, "0.00 USD ≤ 0.00 USD"},
		},
		"all is refunded": {
			func(_ *Configuration, r *Referee) { r.Purchases[0].Refunded = 2500 },
			Check{RuleNotRefunded, false, "25.00 USD of 25.00 USD is refunded"},
		},
		"the purchase is too late": {
			func(_ *Configuration, r *Referee) {
				r.Purchases[0].PurchasedAt = r.Signup.SignedUpAt.Add(time.Hour + time.Second)
			},
			Check{RulePurchaseWindow, false, "purchase 2026-11-01T13:00:01Z ≥ 2026-11-01T11:00:00Z, purchase 2026-11-01T13:00:01Z > 2026-11-01T13:00:00Z"},
		},
		"another currency": {
			func(_ *Configuration, r *Referee) { r.Purchases[0].Currency = "EUR" },
			Check{RuleCurrency, false, "EUR is none of USD"},
		},
		"a reward outside the budget's currency": {
			func(c *Configuration, _ *Referee) {
				c.Campaigns["friends"].Budget = &Money{Amount: 1, Currency: "EUR"}
			},
			Check{RuleBudgetCurrency, false, "reward inviter is in USD, the budget in EUR"},
		},
		"a false condition": {
			func(c *Configuration, _ *Referee) {
				c.Campaigns["friends"].Revisions[0].Terms.Condition = "link.label == 'x'"
			},
			Check{RuleCondition, false, "link.label == 'x'"},
		},
		"a Deny": {
			func(_ *Configuration, r *Referee) { r.Purchases[0].Override = Deny },
			Check{RuleOverride, false, "an override says Deny"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			config, referee, now := reviewedWorld()
			test.change(config, referee)
			explanation, err := Explain(config, referee, now)
			if err != nil {
				t.Fatal(err)
			}
			checks := explanation.Purchases[0].Checks
			at := slices.IndexFunc(checks, func(c Check) bool { return c.Rule == test.want.Rule })
			if at < 0 {
				t.Fatalf("%s was not checked: %v", test.want.Rule, checks)
			}
			if diff := cmp.Diff(test.want, checks[at]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLosingTouchSaysWhyItLost(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Configuration, *Referee, *Touch)
		want   string
	}{
		"the earlier one of two": {func(*Configuration, *Referee, *Touch) {}, "a later touch of the same visitor decides"},
		"after the signup": {
			func(_ *Configuration, r *Referee, touch *Touch) {
				touch.TouchedAt = r.Signup.SignedUpAt.Add(time.Second)
			}, "it is after the signup",
		},
		"the user's own link": {
			func(_ *Configuration, _ *Referee, touch *Touch) {
				touch.Link = &Link{Campaign: "friends", ReferrerID: "bob"}
			},
			"its link is the user's own",
		},
		"no link": {func(_ *Configuration, _ *Referee, touch *Touch) { touch.Link = nil }, "its code names no link"},
		"a campaign that is not declared": {
			func(_ *Configuration, _ *Referee, touch *Touch) {
				touch.Link = &Link{Campaign: "other", ReferrerID: "alice"}
			},
			"its campaign is not declared",
		},
		"before the window": {
			func(_ *Configuration, r *Referee, touch *Touch) {
				touch.TouchedAt = r.Signup.SignedUpAt.Add(-25 * time.Hour)
			},
			"it is longer before the signup than the campaign's attribution window",
		},
		"a code was typed": {
			func(_ *Configuration, r *Referee, touch *Touch) { r.Code = touch.Link },
			"the code of the signup decides",
		},
	} {
		t.Run(name, func(t *testing.T) {
			config, referee, now := reviewedWorld()
			touch := referee.Touches[0]
			touch.TouchID, touch.TouchedAt = "0", touch.TouchedAt.Add(-time.Hour)
			test.change(config, referee, &touch)
			referee.Touches = append(referee.Touches, touch)
			explanation, err := Explain(config, referee, now)
			if err != nil {
				t.Fatal(err)
			}
			if got := WhyLost(config, referee, explanation.Attribution, &touch); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if referee.Code == nil {
				if got := WhyLost(config, referee, explanation.Attribution, &referee.Touches[0]); got != "" {
					t.Errorf("the deciding touch lost: %s", got)
				}
			}
		})
	}
}

func TestEveryStateAndReasonButAGrantHasARemedy(t *testing.T) {
	for _, reason := range Reasons() {
		for _, state := range []State{NotCounting, Reversed, Waiting, Held} {
			for _, mode := range []Mode{Open, Suspended, PolicyMissing, Closed, Reversing} {
				if Remedy(mode, state, reason, time.Unix(0, 0)) == "" {
					t.Errorf("%s, %s has no remedy in mode %s", state, reason, mode)
				}
			}
		}
		counts := reason == CapReached || reason == BudgetExhausted || reason == HoldPeriod || reason == Qualified
		if _, known := remedies[reason]; known == counts {
			t.Errorf("remedy of a purchase that does not count for %s: %v", reason, known)
		}
	}
	for _, reason := range []Reason{Qualified, Overridden} {
		if remedy := Remedy(Open, Granted, reason, time.Time{}); remedy != "" {
			t.Errorf("a granted purchase has the remedy %q", remedy)
		}
	}
}
