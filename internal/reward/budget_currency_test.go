package reward

import "testing"

// An admitted pair leaves a campaign whose budget its rewards are not in when a revision that newly
// reaches it changes their currency, and for nothing else.
func TestRevisionWithAnotherCurrencyThanTheBudgetReversesThePair(t *testing.T) {
	const mismatch = "p1 Reversed CurrencyMismatch"
	const claimed = "p1  " // counts, and claims budget
	inEUR := Reward{Name: "inviter", Beneficiary: ToReferrer, Fixed: &Money{Amount: 400, Currency: "EUR"}}
	earns := func(rewards ...Reward) Terms { return Terms{Purchases: FirstPurchase, Rewards: rewards} }
	budget := func(s *story, currency string) {
		s.campaign().Budget = nil
		if currency != "" {
			s.campaign().Budget = &Money{Amount: 100_000, Currency: currency}
		}
	}
	for _, c := range []struct {
		name     string
		first    Terms
		budget   string // at admission
		purchase string // currency of the purchase
		edit     func(*testing.T, *story)
		want     string
	}{
		{"a share of a purchase in another currency", earns(toAnna(500)), "USD", "EUR", func(_ *testing.T, s *story) {
			s.reviseAll(earns(toBen("10")))
		}, mismatch},
		{"a share of a purchase in the budget's currency", earns(toAnna(500)), "USD", "USD", func(_ *testing.T, s *story) {
			s.reviseAll(earns(toBen("5")))
		}, "p1 Granted Qualified: friend ben 2.00 USD"},
		{"a fixed reward in another currency", earns(toAnna(500)), "USD", "USD", func(_ *testing.T, s *story) {
			s.reviseAll(earns(inEUR))
		}, mismatch},
		{"one reward of two", earns(toAnna(500)), "USD", "EUR", func(_ *testing.T, s *story) {
			s.reviseAll(earns(toAnna(500), toBen("10")))
		}, mismatch},
		{"tiers in another currency", earns(toAnna(500)), "USD", "USD", func(_ *testing.T, s *story) {
			s.reviseAll(earns(Reward{Name: "inviter", Beneficiary: ToReferrer, Tiers: []Tier{{FromPair: 1, Fixed: *inEUR.Fixed}}}))
		}, mismatch},
		{"a revision that does not reach it", earns(toAnna(500)), "USD", "USD", func(_ *testing.T, s *story) {
			s.revise(day(50), earns(inEUR))
		}, granted},
		{"a revision that lowers amounts alone", earns(toAnna(500)), "USD", "USD", func(_ *testing.T, s *story) {
			s.reviseAll(earns(toAnna(400)))
		}, "p1 Granted Qualified: inviter anna 4.00 USD"},
		{"the budget's currency alone", earns(toAnna(500)), "USD", "USD", func(_ *testing.T, s *story) {
			budget(s, "EUR")
		}, granted},
		{"the budget's currency, and a revision in the currency of before", earns(toAnna(500)), "USD", "USD", func(_ *testing.T, s *story) {
			budget(s, "EUR")
			s.reviseAll(earns(toAnna(400)))
		}, "p1 Granted Qualified: inviter anna 4.00 USD"},
		{"the budget's currency with that of the reward", earns(toAnna(500)), "USD", "USD", func(_ *testing.T, s *story) {
			budget(s, "EUR")
			s.reviseAll(earns(inEUR))
		}, claimed},
		{"a budget after the revision", earns(toAnna(500)), "", "USD", func(t *testing.T, s *story) {
			t.Helper()
			s.reviseAll(earns(inEUR))
			s.record(t)
			budget(s, "USD")
		}, "p1 Granted Qualified: inviter anna 4.00 EUR"},
		{"two revisions, there and back", earns(toAnna(500)), "USD", "USD", func(_ *testing.T, s *story) {
			s.reviseAll(earns(inEUR))
			s.reviseAll(earns(toAnna(400)))
		}, "p1 Granted Qualified: inviter anna 4.00 USD"},
		{"a campaign without a budget", earns(toAnna(500)), "", "EUR", func(_ *testing.T, s *story) {
			s.reviseAll(earns(toBen("10")))
		}, "p1 Granted Qualified: friend ben 4.00 EUR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStory(func(s *story) {
				s.config.Campaigns["invite"] = openCampaign("invite", c.first)
				s.p1().Currency = c.purchase
			})
			s.record(t) // admitted before there is a budget: capacity is not tested here
			budget(s, c.budget)
			c.edit(t, s)
			s.expect(t, c.want)
			if c.want != claimed {
				s.record(t)
				s.expect(t, c.want) // deciding again changes nothing
			}
		})
	}
}

// So does a pair whose purchase is corrected to another currency, in which its share would be outside
// the budget.
func TestPurchaseCorrectedOutOfTheBudgetReversesThePair(t *testing.T) {
	const mismatch = "p1 Reversed CurrencyMismatch"
	for _, c := range []struct {
		name    string
		rewards []Reward
		budget  string // after admission
		want    string
	}{
		{"a share", []Reward{toBen("10")}, "USD", mismatch},
		{"a share and a fixed reward", []Reward{toAnna(500), toBen("10")}, "USD", mismatch},
		{"a fixed reward", []Reward{toAnna(500)}, "USD", granted},
		{"a share in what is the budget's currency now", []Reward{toBen("10")}, "EUR", "p1  "},
		{"a share without a budget", []Reward{toBen("10")}, "", "p1 Granted Qualified: friend ben 4.00 EUR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStory(func(s *story) {
				s.config.Campaigns["invite"] = openCampaign("invite", Terms{Purchases: FirstPurchase, Rewards: c.rewards})
				s.p1().Currency = "USD"
			})
			s.record(t)
			if c.budget != "" {
				s.campaign().Budget = &Money{Amount: 100_000, Currency: c.budget}
			}
			s.p1().Currency = "EUR"
			s.expect(t, c.want)
			if c.want == mismatch {
				s.record(t)
				s.expect(t, c.want) // deciding again changes nothing
				s.p1().Currency = "USD"
				s.expect(t, "p1  ") // counts again, and claims budget
			}
		})
	}
}

// The reason is the one that deciding again gives.
func TestPairReversedForItsCurrencyKeepsItsReason(t *testing.T) {
	for want, edit := range map[string]func(*story){
		"p1 Reversed BelowMinimum":     func(s *story) { s.campaign().Revisions[1].Terms.MinimumAmounts = map[string]int64{"EUR": 9000} },
		"p1 Reversed OutsideCampaign":  func(s *story) { s.campaign().EndsAt = day(0) },
		"p1 Reversed CurrencyMismatch": func(s *story) { s.p1().Override = Deny },
	} {
		t.Run(want, func(t *testing.T) {
			s := newStory(func(s *story) { s.p1().Currency = "EUR" }).record(t)
			s.campaign().Budget = &Money{Amount: 100_000, Currency: "USD"}
			s.reviseAll(Terms{Purchases: FirstPurchase, Rewards: []Reward{toBen("10")}})
			edit(s)
			s.expect(t, want)
			s.record(t)
			s.expect(t, want)
			if got := s.balances(); got != "anna USD 0" {
				t.Errorf("balances %s", got)
			}
		})
	}
}

// A pair that the revision took out of the budget is admitted again when the budget is in its
// currency.
func TestPairReversedForItsCurrencyIsReadmittedInTheBudgetsCurrency(t *testing.T) {
	s := newStory(func(s *story) { s.p1().Currency = "EUR" }).record(t)
	s.campaign().Budget = &Money{Amount: 100_000, Currency: "USD"}
	s.reviseAll(Terms{Purchases: FirstPurchase, Rewards: []Reward{toBen("10")}})
	s.record(t)
	s.campaign().Budget = nil
	s.expect(t, "p1 Granted Qualified: friend ben 4.00 EUR")
}

// reviseAll records a revision that reaches every pair.
func (s *story) reviseAll(terms Terms) {
	s.revise(day(50), terms)
	s.rollOut(AllPairs)
}
