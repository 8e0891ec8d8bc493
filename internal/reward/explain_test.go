package reward

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The first explained reason is the one that Decide returns.
func TestFirstExplainedReasonIsTheDecidedReason(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		explanation, err := Explain(&w.config, &w.referee, w.now)
		outcome, again := Decide(&w.config, &w.referee, w.now)
		if (err == nil) != (again == nil) {
			t.Fatalf("Explain: %v, Decide: %v", err, again)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(outcome.Decisions, explanation.Decisions); diff != "" {
			t.Fatal(diff)
		}
		for _, decision := range outcome.Decisions {
			at := slices.IndexFunc(explanation.Purchases, func(p ExplainedPurchase) bool { return p.PurchaseID == decision.PurchaseID })
			if at < 0 {
				t.Fatalf("nothing is explained about %s", decision.PurchaseID)
			}
			reasons := explanation.Purchases[at].Reasons
			switch decision.State {
			case NotCounting:
				if len(reasons) == 0 || reasons[0] != decision.Reason {
					t.Fatalf("%s is %s, explained by %v", decision.PurchaseID, decision.Reason, reasons)
				}
			case Held, Granted:
				if len(reasons) > 0 {
					t.Fatalf("%s is %s in spite of %v", decision.PurchaseID, decision.State, reasons)
				}
			case Reversed:
				if !slices.Contains(reasons, decision.Reason) {
					t.Fatalf("%s is reversed for %s, explained by %v", decision.PurchaseID, decision.Reason, reasons)
				}
			case Waiting, "": // Allocate decides
			}
		}
	})
}
