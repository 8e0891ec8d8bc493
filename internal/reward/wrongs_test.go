package reward

import "testing"

// What referral programs are known to get wrong, as far as deciding goes.
func TestWhereReferralProgramsGoWrong(t *testing.T) {
	tenPercent := func(s *story) {
		s.terms().Rewards = []Reward{{Name: "inviter", Beneficiary: ToReferrer, Percentage: &Percentage{Rate: "10"}}}
	}
	for _, c := range []struct {
		name  string
		edits []func(*story)
		steps []func(*story)
		want  string // balances in the end
	}{
		{
			"two partial refunds do not compound",
			[]func(*story){tenPercent},
			[]func(*story){func(s *story) { s.p1().Refunded = 1000 }, func(s *story) { s.p1().Refunded = 2000 }},
			"anna USD 200",
		},
		{
			"a partial refund is not ignored",
			[]func(*story){tenPercent},
			[]func(*story){func(s *story) { s.p1().Refunded = 1500 }},
			"anna USD 250",
		},
		{
			"a reversal takes back what was given, not what would be given today",
			nil,
			[]func(*story){
				func(s *story) { s.revise(day(3), Terms{Purchases: FirstPurchase, Rewards: []Reward{toAnna(2000)}}) },
				func(s *story) { s.p1().Refunded = 4000 },
			},
			"anna USD 0",
		},
		{
			"a delivery that is replayed credits once",
			nil,
			[]func(*story){func(*story) {}, func(*story) {}},
			"anna USD 500",
		},
		{
			"the purchase may arrive before the signup",
			[]func(*story){func(s *story) { s.ben.Signup = nil }},
			[]func(*story){func(s *story) { s.ben.Signup = &Signup{SignedUpAt: day(1), ArrivedAt: day(9)} }},
			"anna USD 500",
		},
		{
			"the touch may arrive last",
			[]func(*story){func(s *story) { s.ben.Touches = nil }},
			[]func(*story){func(s *story) { s.ben.Touches = []Touch{touchOf("t1", day(0), linkOf("anna"))} }},
			"anna USD 500",
		},
		{
			"a rate change leaks into nothing that was earned",
			[]func(*story){tenPercent},
			[]func(*story){func(s *story) { s.revise(day(3), Terms{Purchases: FirstPurchase, Rewards: []Reward{toAnna(1)}}) }},
			"anna USD 400",
		},
		{
			"an order refunded and paid again is credited again",
			nil,
			[]func(*story){func(s *story) { s.p1().Refunded = 4000 }, func(s *story) { s.p1().Refunded = 0 }},
			"anna USD 500",
		},
		{
			"what was credited before a crash that forgot the pair is not credited again",
			nil,
			[]func(*story){func(s *story) { s.ben.Pairs = nil }},
			"anna USD 500",
		},
		{
			"a second account with the same card earns nothing",
			[]func(*story){func(s *story) {
				s.ben.Signup.Fingerprints = []string{"card"}
				s.ben.ReferrerFingerprints = map[string][]string{"anna": {"card"}}
			}},
			nil,
			"",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStory(c.edits...).record(t)
			for _, step := range c.steps {
				step(s)
				s.record(t)
			}
			if got := s.balances(); got != c.want {
				t.Errorf("balances are %q, want %q", got, c.want)
			}
		})
	}
}
