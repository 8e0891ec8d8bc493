package engine

import "testing"

func TestExpansionResumesAtTheLeastPointThatAnyChangeOfItsKeyReached(t *testing.T) {
	type point struct{ stage, resumeAfter string }
	for _, test := range []struct {
		name        string
		one, other  point
		wantResumes point
	}{
		{"one has not begun", point{"", ""}, point{"Deferred", "u1"}, point{"", ""}},
		{"links come after deferred referees", point{"Deferred", "u9"}, point{"Links", "a"}, point{"Deferred", "u9"}},
		{"links come before fixed attributions", point{"Links", "z"}, point{"Fixed", "u1"}, point{"Links", "z"}},
		{"signups come before visitors", point{"Signups", "u9"}, point{"Visitors", "v1"}, point{"Signups", "u9"}},
		{"the same stage", point{"Links", "a"}, point{"Links", "b"}, point{"Links", "a"}},
		{"a kind of one stage", point{"", "u1"}, point{"", "u2"}, point{"", "u1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, order := range [][2]point{{test.one, test.other}, {test.other, test.one}} {
				e := expansion{at: map[string]int{}}
				for _, p := range order {
					e.add("invite", p.stage, p.resumeAfter)
				}
				if got := (point{e.stages[0], e.resumeAfter[0]}); len(e.keys) != 1 || got != test.wantResumes {
					t.Errorf("%v resumes at %v, want %v", e.keys, got, test.wantResumes)
				}
			}
		})
	}
}
