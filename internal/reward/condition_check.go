package reward

import "fmt"

// Ready compiles the revision's condition ahead of time. A text that cannot be
// compiled is not an error of the configuration, which may hold thousands: it
// is told of each purchase that would have to be decided under it.
func (r *Revision) Ready() {
	if r.Terms.Condition != "" {
		r.Condition, _ = KnownCondition(r.Terms.Condition)
	}
}

// ready makes sure that the condition, if there is one, can be evaluated. If it
// cannot, the purchase is not decided at all: a condition that this version
// does not understand must take nothing back.
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

// conditionFalse wants the condition to be true. One that breaks off with an
// error is false, and counted. One that reads what an erasure took is what it
// was before.
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
		c.brokeOff = true
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
