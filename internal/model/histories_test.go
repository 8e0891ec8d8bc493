package model

import (
	"testing"

	"pgregory.net/rapid"
)

func TestHistories(t *testing.T) {
	s := newShop(t)
	t.Cleanup(func() { t.Logf("what happened:\n%s", &s.coverage) })
	rapid.Check(t, s.check)
}

// check plays one random history.
func (s *shop) check(t *rapid.T) {
	history := rapid.Custom(drawHistory).Draw(t, "history")
	defer func() {
		if t.Failed() {
			t.Logf("as a test:\n\n%s", asTest(history))
		}
	}()
	s.play(t, history)
}
