package engine

import "testing"

func TestExpansionReachesItsEndAndBeginsAgain(t *testing.T) {
	for _, test := range []struct {
		name                 string
		kind                 string
		one, other           point
		wantNext, wantsAgain point
	}{
		{"one has not begun", kindCampaign, point{"", ""}, point{"Deferred", "u1"}, point{"Deferred", "u1"}, point{"", ""}},
		{"links come after deferred referees", kindCampaign, point{"Deferred", "u9"}, point{"Links", "a"}, point{"Links", "a"}, point{"Deferred", "u9"}},
		{"links come before fixed attributions", kindCampaign, point{"Links", "z"}, point{"Fixed", "u1"}, point{"Fixed", "u1"}, point{"Links", "z"}},
		{"signups come before visitors", kindCode, point{"Signups", "u9"}, point{"Visitors", "v1"}, point{"Visitors", "v1"}, point{"Signups", "u9"}},
		{"the same stage", kindCampaign, point{"Links", "a"}, point{"Links", "b"}, point{"Links", "b"}, point{"Links", "a"}},
		{"a kind of one stage", kindVisitor, point{"", "u1"}, point{"", "u2"}, point{"", "u2"}, point{"", "u1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, order := range [][]point{{test.one, test.other}, {test.other, test.one}, {test.one, test.one, test.other}} {
				e := expansion{at: map[string]int{}}
				for _, p := range order {
					e.add("invite", p)
				}
				next, again := e.steps(test.kind)
				if len(next.keys) != 1 || (point{next.stages[0], next.resumeAfter[0]}) != test.wantNext {
					t.Errorf("the next steps are %v, want %v", next, test.wantNext)
				}
				if len(again.keys) != 1 || (point{again.stages[0], again.resumeAfter[0]}) != test.wantsAgain {
					t.Errorf("enqueued again: %v, want %v", again, test.wantsAgain)
				}
			}
		})
	}
}

func TestExpansionWithOnePointIsNotEnqueuedAgain(t *testing.T) {
	e := expansion{at: map[string]int{}}
	e.add("v1", point{"", "u1"})
	e.add("v1", point{"", "u1"})
	next, again := e.steps(kindVisitor)
	if len(next.keys) != 1 || next.resumeAfter[0] != "u1" || len(again.keys) != 0 {
		t.Errorf("next: %v, again: %v", next, again)
	}
}

// What is left of the walk of a stopped rollout does not delay the newest one.
func TestRolloutBeginsAgainAtOnce(t *testing.T) {
	e := expansion{at: map[string]int{}}
	e.add("invite", point{"", "u2"})
	e.add("invite", point{})
	next, again := e.steps(kindRollout)
	if len(next.keys) != 1 || next.resumeAfter[0] != "" || len(again.keys) != 0 {
		t.Errorf("next: %v, again: %v", next, again)
	}
}
