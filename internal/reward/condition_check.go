package reward

import "fmt"

// ready returns the compiled condition; nil: the terms have none. If it cannot be compiled, the
// purchase is not decided at all: a condition that this version does not understand must take
// nothing back.
func (r *Revision) ready() (*Condition, error) {
	if r.Terms.Condition == "" {
		return nil, nil
	}
	condition, err := KnownCondition(r.Terms.Condition)
	if err != nil {
		return nil, fmt.Errorf("the condition of revision %d cannot be compiled: %w", r.Number, err)
	}
	return condition, nil
}

// conditionFalse requires the condition to be true. A condition that ends in an error is false and
// counted. A condition that reads blanked attributes has its recorded result, which is true for an
// admitted pair whose purchase was written again. One that reads a link that is not known any more
// stays true for a pair that was admitted.
func conditionFalse(c *candidate) Reason {
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
