package reward

import "fmt"

// Ready compiles the revision's condition ahead of time. A condition that cannot be compiled is not
// an error of the whole configuration: it is an error of each purchase that is decided under it.
func (r *Revision) Ready() {
	if r.Terms.Condition != "" {
		r.Condition, _ = KnownCondition(r.Terms.Condition)
	}
}

// ready returns the compiled condition; nil: the terms have none. If it cannot be compiled, the
// purchase is not decided at all: a condition that this version does not understand must take
// nothing back.
func (r *Revision) ready() (*Condition, error) {
	if r.Condition != nil || r.Terms.Condition == "" {
		return r.Condition, nil
	}
	condition, err := KnownCondition(r.Terms.Condition)
	if err != nil {
		return nil, fmt.Errorf("the condition of revision %d cannot be compiled: %w", r.Number, err)
	}
	return condition, nil
}

// conditionFalse requires the condition to be true. A condition that ends in an error is false and
// counted. A condition that reads blanked attributes has its recorded result.
func conditionFalse(c *candidate) Reason {
	if c.condition == nil {
		return ""
	}
	facts := conditionFacts{candidate: c}
	holds, err := c.condition.holds(&facts)
	switch {
	case facts.readBlank:
		holds = c.purchase.ConditionHeld
	case err != nil:
		c.conditionFailed = true
	}
	if !holds {
		return ConditionFalse
	}
	return ""
}

func (o *Outcome) countConditionError(campaign string) {
	if o.ConditionErrors == nil {
		o.ConditionErrors = map[string]int64{}
	}
	o.ConditionErrors[campaign]++
}
