package reward

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Taking a pair back without its facts comes to what deciding it does, so that a later decision changes nothing.
func TestTakeBackIsWhatDecideSays(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, s *story){
		"granted": func(t *testing.T, _ *story) { t.Helper() },
		"refunded before": func(t *testing.T, s *story) {
			t.Helper()
			s.p1().Refunded = 4000
			s.record(t)
		},
		"its signup gone": func(t *testing.T, s *story) { t.Helper(); s.ben.Signup = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory().record(t)
			prepare(t, s)
			pair := s.ben.Pairs[0]
			got := TakeBack(&pair)
			s.campaign().Mode = Reversing
			decided := s.decide(t).Decisions[0]
			got.Order, decided.Order = 0, 0
			if diff := cmp.Diff(decided, got); diff != "" {
				t.Errorf("(-decided +taken back):\n%s", diff)
			}
			if got.State != Reversed || got.Reason != CampaignDeleted || got.Ordinal != 0 || len(got.Credits) > 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}
