package visitor_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const window = 30 * 24 * time.Hour

func touch(id string, after time.Duration) visitor.Touch {
	return visitor.Touch{ID: id, Code: "code-" + id, At: noon.Add(after)}
}

func TestATokenRemembersTheFirstAndTheLastTouch(t *testing.T) {
	for name, test := range map[string]struct {
		touches []visitor.Touch
		want    []string
	}{
		"none":                                {nil, nil},
		"one is both":                         {[]visitor.Touch{touch("a", 0)}, []string{"a"}},
		"the first stays":                     {[]visitor.Touch{touch("a", 0), touch("b", 1), touch("c", 2)}, []string{"a", "c"}},
		"at the window's end it still binds":  {[]visitor.Touch{touch("a", 0), touch("b", window)}, []string{"a", "b"}},
		"outdated, the new one is both":       {[]visitor.Touch{touch("a", 0), touch("b", window+1)}, []string{"b"}},
		"outdated, the last one is the first": {[]visitor.Touch{touch("a", 0), touch("b", 1), touch("c", window+1)}, []string{"b", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			token := visitor.New()
			for _, touch := range test.touches {
				token = token.Touched(touch, window)
			}
			var got []string
			for _, touch := range token.Touches() {
				got = append(got, touch.ID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("touches (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIDsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		for _, id := range []string{visitor.New().VisitorID, visitor.NewTouch("code", noon).ID} {
			if len(id) != 26 || seen[id] {
				t.Fatalf("id %q", id)
			}
			seen[id] = true
		}
	}
}
