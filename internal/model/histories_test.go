package model

import (
	"flag"
	"testing"

	"pgregory.net/rapid"
)

func TestHistories(t *testing.T) {
	s := newShop(t)
	t.Cleanup(func() { t.Logf("what happened:\n%s", &s.coverage) })
	s.checkHistories(t)
}

// checkHistories plays as many random histories as rapid is told to. They are
// shrunk here rather than by rapid: leaving operations out is all it takes, and
// playing one is slow.
func (s *shop) checkHistories(t *testing.T) {
	must(t, flag.Set("rapid.shrinktime", "0s"))
	type failure struct {
		history []operation
		details string
	}
	shrunk := map[string]failure{} // rapid plays what failed once more
	rapid.Check(t, func(t *rapid.T) {
		history := rapid.Custom(drawHistory).Draw(t, "history")
		wrong, details := s.playback(history)
		if wrong == "" {
			return
		}
		test := asTest(history)
		if _, ok := shrunk[test]; !ok {
			shorter, why := s.shrink(history, wrong, details)
			shrunk[test] = failure{shorter, why}
		}
		t.Logf("%s\n\nas a test:\n\n%s", shrunk[test].details, asTest(shrunk[test].history))
		t.Fatalf("%s", wrong)
	})
}
