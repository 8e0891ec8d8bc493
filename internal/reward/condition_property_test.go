package reward

import (
	"testing"

	"pgregory.net/rapid"
)

// Decide keeps its invariants with conditions too, including conditions that end in errors: above
// all, the order of facts does not matter.
func TestDecideKeepsItsInvariantsWithConditions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			w.drawConditions(t)
			w.step(t)
			w.change(t)
		}
	})
}

func (w *world) drawConditions(t *rapid.T) {
	for _, name := range campaigns[:2] {
		for i := range w.config.Campaigns[name].Revisions {
			w.config.Campaigns[name].Revisions[i].Terms.Condition = rapid.SampledFrom([]string{
				"", "purchase.attributes.kind == 'a'", "purchase.attributes.?kind.orValue('a') == 'a'", "link.code == 'a' || purchase.amount > 5000",
				"signup.attributes.exists(k, k > 'm')", "purchase.purchased_at >= signup.signed_up_at",
			}).Draw(t, "condition")
		}
	}
	attributes := rapid.SampledFrom([]string{"", "{}", `{"kind": "a"}`, `{"kind": "b", "z": 1}`, `{"kind": 1e`})
	for i := range w.referee.Purchases {
		w.referee.Purchases[i].Attributes = []byte(attributes.Draw(t, "purchase's attributes"))
	}
	if w.referee.Signup != nil {
		w.referee.Signup.Attributes = []byte(attributes.Draw(t, "signup's attributes"))
	}
}
