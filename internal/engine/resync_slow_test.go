package engine

import (
	"context"
	"fmt"
	"testing"
)

// A step whose statements take too long together is repeated with less to do, after a pause: the
// server may be silent.
func TestResyncShrinksAStepThatGetsNoAnswerInTime(t *testing.T) {
	cause := fmt.Errorf("while recording results: %w", context.DeadlineExceeded)
	s := newResyncer(New(nil, Options{}))
	ranges, repairs := s.refereesPerRange, s.repairsPerStep
	s.comparing = true
	if s.handleFailure(t.Context(), cause) || s.refereesPerRange != ranges/2 || s.repairsPerStep != repairs {
		t.Errorf("after a comparison: %d referees per range, %d repairs per step", s.refereesPerRange, s.repairsPerStep)
	}
	s.repairing = true
	if s.handleFailure(t.Context(), cause) || s.refereesPerRange != ranges/2 || s.repairsPerStep != repairs/2 {
		t.Errorf("after a repair: %d referees per range, %d repairs per step", s.refereesPerRange, s.repairsPerStep)
	}
	s.alone = "u1"
	if s.handleFailure(t.Context(), cause) || len(s.failedAlone) > 0 {
		t.Errorf("a referee would be set aside: %v", s.failedAlone)
	}
}
