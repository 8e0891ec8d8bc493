package reward

import "testing"

// The plain case, a new referee with two purchases, decided and settled; and the same after
// thousands of edits.
func BenchmarkDecide(b *testing.B) {
	earns := func(r Reward) func(*story) { return func(s *story) { s.terms().Rewards = []Reward{r} } }
	edits := func(s *story) {
		for range 4000 {
			s.revise(day(1), *s.terms())
		}
	}
	for _, bench := range []struct {
		name  string
		story func(*story)
	}{{"Fixed", earns(toAnna(500))}, {"Percentage", earns(toBen("12.5"))}, {"After4000Edits", edits}} {
		b.Run(bench.name, func(b *testing.B) {
			s := newStory(bench.story, func(s *story) { s.buy("p2", 4000, day(3)) })
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
