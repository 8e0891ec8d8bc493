package reward

import (
	"cmp"
	"fmt"
	"slices"
)

// compiler compiles conditions for one referee, and keeps the last. Candidates that come byCondition
// make it compile each condition once, whatever the cache keeps.
type compiler struct {
	text      string
	condition *Condition
	err       error
}

// compile compiles the candidate's condition. If it cannot be compiled, the purchase is not decided
// at all: a condition that this version does not understand must take nothing back.
func (l *compiler) compile(c *candidate) error {
	if c.revision == nil || c.revision.Terms.Condition == "" {
		return nil
	}
	if text := c.revision.Terms.Condition; text != l.text {
		l.text = text
		l.condition, l.err = KnownCondition(text)
		c.conditionCost += costOfCompiling(text)
	}
	if l.err != nil {
		return fmt.Errorf("campaign %q: the condition of revision %d cannot be compiled: %w", c.campaign.Name, c.revision.Number, l.err)
	}
	c.condition = l.condition
	return nil
}

// byCondition returns the candidates in an order in which those with one condition follow each
// other.
func byCondition(candidates []candidate) []*candidate {
	ordered := make([]*candidate, len(candidates))
	numbers, ofText := map[*Revision]int{nil: 0}, map[string]int{"": 0}
	for i := range candidates {
		c := &candidates[i]
		ordered[i] = c
		if len(candidates) == 1 {
			break
		}
		if _, known := numbers[c.revision]; known {
			continue
		}
		text := c.revision.Terms.Condition
		if _, known := ofText[text]; !known {
			ofText[text] = len(ofText)
		}
		numbers[c.revision] = ofText[text]
	}
	if len(ofText) > 2 {
		slices.SortStableFunc(ordered, func(a, b *candidate) int { return cmp.Compare(numbers[a.revision], numbers[b.revision]) })
	}
	return ordered
}

// conditionFalse requires the condition to be true. It is evaluated once.
func conditionFalse(c *candidate) Reason {
	if !c.evaluated {
		c.evaluated, c.conditionReason = true, c.evaluate()
	}
	return c.conditionReason
}

// evaluate evaluates the compiled condition. A condition that ends in an error is false and counted.
// A condition that reads blanked attributes has its recorded result, which is true for an
// admitted pair whose purchase was written again. One that reads a link that is not known any more
// stays true for a pair that was admitted.
func (c *candidate) evaluate() Reason {
	if c.condition == nil {
		return ""
	}
	facts := conditionFacts{candidate: c}
	holds, err := c.condition.holds(&facts)
	c.conditionCost += facts.cost
	switch {
	case facts.readBlank:
		holds = c.purchase.ConditionHeld || !c.purchase.Blanked
	case facts.readUnknownLink && c.admitted():
		holds = c.pair.Reason != ConditionFalse
	case err != nil:
		c.conditionFailed = true
	}
	if !holds {
		return ConditionFalse
	}
	return ""
}

// errConditionsCost means that a referee has so many purchases that deciding it would take too
// long.
var errConditionsCost = fmt.Errorf("the conditions of the referee's purchases cost more than %d comparisons", refereeLimit)

func (o *Outcome) countConditionError(campaign string) {
	if o.ConditionErrors == nil {
		o.ConditionErrors = map[string]int64{}
	}
	o.ConditionErrors[campaign]++
}
