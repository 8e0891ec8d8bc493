package reward

import "testing"

func TestRevisionOfANewPair(t *testing.T) {
	tenDollars := func(s *story) { s.revise(day(2), Terms{Purchases: FirstPurchase, Rewards: []Reward{toAnna(1000)}}) }
	const five, ten = granted, "p1 Granted Qualified: inviter anna 10.00 USD"
	rule(t, []ruleCase{
		{"arrived before the newest was recorded: the one before", func(s *story) {
			tenDollars(s)
			s.p1().ArrivedAt = day(2).Add(-instant)
		}, says(five)},
		{"arrived at its recording: the one before", tenDollars, says(five)},
		{"arrived after it: the newest", func(s *story) {
			tenDollars(s)
			s.p1().ArrivedAt = day(2).Add(instant)
		}, says(ten)},
		{"it is the later arrival that counts", func(s *story) {
			tenDollars(s)
			s.ben.Signup.ArrivedAt = day(3)
		}, says(ten)},
		{"it is about arrival, not about purchase time", func(s *story) {
			tenDollars(s)
			s.p1().PurchasedAt = day(50)
		}, says(five)},
		{"arrived before all of them: the first", func(s *story) {
			tenDollars(s)
			s.p1().ArrivedAt, s.ben.Signup.ArrivedAt = day(-1000), day(-1000)
		}, says(five)},
		{"under several, the newest that is older", func(s *story) {
			tenDollars(s)
			s.revise(day(4), Terms{Purchases: FirstPurchase, Rewards: []Reward{toAnna(2000)}})
			s.p1().ArrivedAt = day(3)
		}, says(ten)},
	})
}

func TestRevisionIsKept(t *testing.T) {
	dearer := Terms{
		Purchases:      FirstPurchase,
		MinimumAmounts: map[string]int64{"USD": 9000},
		Rewards:        []Reward{toAnna(1000)},
	}
	t.Run("an edit leaks into no pair that was earned", func(t *testing.T) {
		s := newStory().record(t)
		s.revise(day(1), dearer)
		s.expect(t, granted)
	})
	t.Run("a pair that counts again comes back under its own", func(t *testing.T) {
		s := newStory().record(t)
		s.p1().Refunded = 4000
		s.record(t)
		s.revise(day(1), dearer)
		s.p1().Refunded = 0
		s.expect(t, granted)
	})
	t.Run("a purchase whose row was written anew keeps its pair's", func(t *testing.T) {
		s := newStory().record(t)
		s.revise(day(5), dearer)
		s.p1().ArrivedAt = day(6)
		s.expect(t, granted)
	})
	t.Run("a pair that only waited is anew when its signup is bound elsewhere", func(t *testing.T) {
		s := newStory(func(s *story) {
			s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "other", ReferrerID: "carl", Revision: 7, State: Waiting, Reason: CapReached}}
		})
		s.expect(t, granted)
	})
}
