package reward

import "testing"

// The plain case: a new referee with two purchases, decided and settled.
func BenchmarkDecide(b *testing.B) {
	for _, bench := range []struct {
		name   string
		reward Reward
	}{{"Fixed", toAnna(500)}, {"Percentage", toBen("12.5")}} {
		b.Run(bench.name, func(b *testing.B) {
			s := newStory(func(s *story) {
				s.terms().Rewards = []Reward{bench.reward}
				s.buy("p2", 4000, day(3))
			})
			b.ReportAllocs()
			for b.Loop() {
				outcome, err := Decide(&s.config, &s.ben, s.now)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := Settle(outcome.Decisions, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
