package reward

import "testing"

func TestNewPairFollowsTheNewestRevisionThatReachesIt(t *testing.T) {
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

func TestPairKeepsItsRevision(t *testing.T) {
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

func TestScopeDecidesWhichPairsARevisionReaches(t *testing.T) {
	const five, ten = granted, "p1 Granted Qualified: inviter anna 10.00 USD"
	dearer := func(at int, scope RevisionScope) func(*story) {
		return func(s *story) {
			s.revise(day(at), Terms{Purchases: FirstPurchase, Rewards: []Reward{toAnna(1000)}})
			s.rollOut(scope)
		}
	}
	days := func(n int) func(*story) { return func(s *story) { s.terms().HoldPeriod = day(n).Sub(day(0)) } }
	for _, c := range []struct {
		rule     string
		recorded bool // whether the pair was decided before the revision
		story    []func(*story)
		scope    func(*story)
		want     string
	}{
		{"NewPairs leaves an admitted pair alone", true, nil, dearer(50, NewPairs), five},
		{"HeldPairs leaves one alone that matured before", true, []func(*story){days(10)}, dearer(50, HeldPairs), five},
		{"HeldPairs leaves one alone that matured just then", true, []func(*story){days(48)}, dearer(50, HeldPairs), five},
		{"HeldPairs reaches one that matures later", true, []func(*story){days(49)}, dearer(50, HeldPairs), ten},
		{"and reaches it just so when it is decided later", false, []func(*story){days(49)}, dearer(50, HeldPairs), ten},
		{"and leaves alone what matured before and is decided later", false, []func(*story){days(10)}, dearer(50, HeldPairs), five},
		{"AllPairs reaches a granted one", true, nil, dearer(50, AllPairs), ten},
		{"AllPairs reaches one that is decided later", false, nil, dearer(50, AllPairs), ten},
		{"a later NewPairs does not hide an AllPairs before it", true, nil, func(s *story) {
			dearer(50, AllPairs)(s)
			s.revise(day(60), Terms{Purchases: FirstPurchase, Rewards: []Reward{toAnna(2000)}})
		}, ten},
		{"a hold that an edit makes longer counts for the next", true, []func(*story){days(49)}, func(s *story) {
			dearer(50, HeldPairs)(s)
			s.campaign().Revisions[1].Terms.HoldPeriod = day(60).Sub(day(0))
			s.revise(day(55), Terms{Purchases: FirstPurchase, Rewards: []Reward{toAnna(2000)}})
			s.rollOut(HeldPairs)
		}, "p1 Granted Qualified: inviter anna 20.00 USD"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := newStory(c.story...)
			if c.recorded {
				s.record(t)
			}
			c.scope(s)
			s.expect(t, c.want)
			s.record(t).expect(t, c.want)
		})
	}
}

func TestRevisionReachesWaitingPairs(t *testing.T) {
	waiting := func(s *story) {
		s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "invite", ReferrerID: "anna", Revision: 1, State: Waiting, Reason: CapReached, CountedAt: day(10)}}
		s.revise(day(20), Terms{Purchases: FirstPurchase, Rewards: []Reward{toAnna(1000)}})
	}
	for _, c := range []struct {
		rule string
		edit func(*story)
		want string
	}{
		{"not with NewPairs", func(*story) {}, granted},
		{"with HeldPairs", func(s *story) { s.rollOut(HeldPairs) }, "p1 Granted Qualified: inviter anna 10.00 USD"},
		{"with NewPairs when its facts were written anew since", func(s *story) { s.p1().ArrivedAt = day(30) }, "p1 Granted Qualified: inviter anna 10.00 USD"},
		{"not when it began to wait later, whatever arrived since", func(s *story) {
			s.p1().ArrivedAt, s.ben.Pairs[0].CountedAt = day(30), day(31)
		}, granted},
		{"not when it began to wait later", func(s *story) {
			s.rollOut(HeldPairs)
			s.ben.Pairs[0].CountedAt = day(21)
		}, granted},
	} {
		t.Run(c.rule, func(t *testing.T) {
			newStory(waiting, c.edit).expect(t, c.want)
		})
	}
}
