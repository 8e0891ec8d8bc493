package reward

import "testing"

const (
	fiveEach = granted
	tenEach  = "p1 Granted Qualified: inviter anna 10.00 USD"
)

func tenDollars() Terms { return Terms{Purchases: FirstPurchase, Rewards: []Reward{toAnna(1000)}} }

func TestRevisionReachesOlderPairsOnlyThroughItsRollout(t *testing.T) {
	for _, c := range []struct {
		rule     string
		recorded bool
		rollout  *Rollout
		want     string
	}{
		{"a rollout that has not begun reaches none", true, &Rollout{}, fiveEach},
		{"one that has come to referees before this one reaches it not yet", true, &Rollout{Reached: "bem"}, fiveEach},
		{"one that has come to this referee reaches it", true, &Rollout{Reached: "ben"}, tenEach},
		{"one that has come further reaches it", true, &Rollout{Reached: "beo"}, tenEach},
		{"one that has reached all reaches it", true, &Rollout{All: true}, tenEach},
		{"no rollout reaches none", true, nil, fiveEach},
		{"a purchase of before that never counted is reached likewise", false, &Rollout{Reached: "ben"}, tenEach},
		{"and not before", false, &Rollout{}, fiveEach},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := newStory()
			if c.recorded {
				s.record(t)
			}
			s.revise(day(50), tenDollars())
			s.rollOut(AllPairs)
			s.campaign().Revisions[1].Rollout = c.rollout
			s.expect(t, c.want)
			s.record(t).expect(t, c.want)
		})
	}
}

func TestWithdrawingARevisionTakesBackWhatItGave(t *testing.T) {
	for _, c := range []struct {
		rule           string
		moved          Rollout // how far the withdrawn revision came
		recordedBefore bool    // the pair was decided before the withdrawn revision
		recordedUnder  bool    // and under it
		came           Rollout // how far the withdrawal came
		arrived        int
		want           string
		revision       int
	}{
		{"a pair that it moved", Rollout{All: true}, true, true, Rollout{All: true}, 0, fiveEach, 3},
		{"a pair that it moved goes back only with the rollout", Rollout{All: true}, true, true, Rollout{}, 0, tenEach, 2},
		{"a pair that it did not move stays where it is", Rollout{}, true, false, Rollout{All: true}, 0, fiveEach, 1},
		{"a pair that it had reached and not decided yet", Rollout{All: true}, true, false, Rollout{All: true}, 0, fiveEach, 3},
		{"and before that reaches nothing any more", Rollout{All: true}, true, false, Rollout{}, 0, fiveEach, 1},
		{"a pair that arrived under it", Rollout{}, false, true, Rollout{All: true}, 55, fiveEach, 3},
		{"a pair that arrived under it keeps it until then", Rollout{}, false, true, Rollout{}, 55, tenEach, 2},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := newStory()
			if c.arrived > 0 {
				s.p1().ArrivedAt = day(c.arrived)
			}
			if c.recordedBefore {
				s.record(t)
			}
			s.revise(day(50), tenDollars())
			s.rollOut(AllPairs)
			s.campaign().Revisions[1].Rollout = &c.moved
			if c.recordedUnder {
				s.record(t).expect(t, tenEach)
			}
			s.revise(day(60), fiveDollars())
			withdrawal := &s.campaign().Revisions[2]
			withdrawal.Scope, withdrawal.Withdraws, withdrawal.Rollout = NewPairs, true, &c.came
			s.expect(t, c.want)
			if revision := s.decide(t).Decisions[0].Revision; revision != c.revision {
				t.Errorf("it follows revision %d, want %d", revision, c.revision)
			}
			s.record(t).expect(t, c.want)
		})
	}
}

func TestWithdrawingAWithdrawalGivesAgain(t *testing.T) {
	s := newStory().record(t)
	s.revise(day(50), tenDollars())
	s.rollOut(AllPairs)
	s.record(t)
	for n, want := range []string{fiveEach, tenEach, fiveEach} {
		terms := fiveDollars()
		if want == tenEach {
			terms = tenDollars()
		}
		s.revise(day(60+n), terms)
		s.rollOut(NewPairs)
		s.campaign().Revisions[n+2].Withdraws = true
		s.expect(t, want)
		s.record(t).expect(t, want)
	}
}
