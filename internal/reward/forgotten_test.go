package reward

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBlankedPurchaseKeepsTheResultOfItsCondition(t *testing.T) {
	for _, test := range []struct {
		name, condition string
		signupBlanked   bool
		held, want      bool
	}{
		{"reads purchase attributes: as it was", "purchase.attributes[?'kind'].orValue('') == 'gadget'", true, true, true},
		{"reads purchase attributes: as it was not", "purchase.attributes[?'kind'].orValue('') != 'gadget'", true, false, false},
		{"reads signup attributes: as it was", "signup.attributes[?'plan'].orValue('') == 'pro'", true, true, true},
		{"reads signup attributes that are there", "signup.attributes[?'plan'].orValue('') == 'pro'", false, true, false},
		{"breaks off where attributes are gone: as it was", "purchase.attributes['kind'] == 'gadget'", true, true, true},
		{"reads no attributes: as it is", "purchase.amount > 5000", true, true, false},
		{"is settled before it reads attributes", "purchase.amount > 5000 && purchase.attributes[?'kind'].orValue('') == 'gadget'", true, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			condition, err := CompileCondition(test.condition)
			if err != nil {
				t.Fatal(err)
			}
			c := candidate{
				condition:   condition,
				attribution: &Attribution{},
				referee:     &Referee{Signup: &Signup{Blanked: test.signupBlanked}},
				purchase:    &Purchase{Amount: 1000, Currency: "USD", Blanked: true, ConditionHeld: test.held},
			}
			if got := conditionFalse(&c) == ""; got != test.want || c.conditionFailed {
				t.Errorf("holds %t, broke off %t", got, c.conditionFailed)
			}
		})
	}
}

func TestConditionsHeldIncludesPurchasesThatNeverCounted(t *testing.T) {
	s := newStory()
	s.config.Campaigns["invite"].Revisions[0].Terms.Condition = "purchase.attributes[?'kind'].orValue('') == 'gadget'"
	first := s.ben.Purchases[0]
	for id, attributes := range map[string]string{"second": `{"kind": "gadget"}`, "book": `{"kind": "book"}`, "refunded": `{"kind": "gadget"}`} {
		p := first
		p.ID, p.Attributes = id, []byte(attributes)
		if id == "refunded" {
			p.Refunded = p.Amount
		}
		s.ben.Purchases = append(s.ben.Purchases, p)
	}
	want := map[string]bool{first.ID: false, "second": true, "book": false, "refunded": true}
	if diff := cmp.Diff(want, ConditionsHeld(&s.config, &s.ben)); diff != "" {
		t.Error(diff)
	}
}
