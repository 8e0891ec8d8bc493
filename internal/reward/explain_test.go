package reward

import (
	"fmt"
	"slices"
	"strings"
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

// The conditions of purchases that another rule keeps from counting may cost more than a referee's
// conditions may. The answer then has fewer checks.
func TestUserIsExplainedWhateverConditionsCostThatDecideNothing(t *testing.T) {
	const least, costly = 1000, `lists.range(300).exists(i, link.label.matches('((a{1,20}){1,20}){1,2}b'))`
	s := newStory(func(s *story) {
		s.terms().MinimumAmounts = map[string]int64{"USD": least}
		s.terms().Condition = costly
		s.link().Label = strings.Repeat("a", 255)
		s.ben.Purchases = nil
		for n := range 40 {
			s.buy(fmt.Sprintf("p%02d", n), least-1, day(2))
		}
		s.buy("q", least, day(3)) // its condition decides, after the limit is reached
	})
	explanation, err := Explain(&s.config, &s.ben, s.now)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, p := range explanation.Purchases {
		reasons := []Reason{BelowMinimum, ConditionFalse}
		at := slices.IndexFunc(p.Checks, func(c Check) bool { return c.Rule == RuleCondition })
		switch {
		case p.PurchaseID == "q":
			reasons = reasons[1:]
		case at < 0:
			reasons = reasons[:1]
		}
		if at >= 0 {
			checked++
		}
		if diff := cmp.Diff(reasons, p.Reasons); diff != "" || at >= 0 && p.Checks[at].Passed {
			t.Errorf("%s: %+v %s", p.PurchaseID, p.Checks, diff)
		}
	}
	if checked < 20 || checked == len(explanation.Purchases) {
		t.Errorf("%d of %d purchases have a check of the condition", checked, len(explanation.Purchases))
	}
}
