package reward

import "fmt"

// An erasure blanks attributes, fingerprints and the visitor id that leads to touches, and no
// decision may change by it. What was concluded from these facts is recorded and replaces them: an
// attribution that names no touch (here), a condition that reads blanked attributes
// (condition_check.go), a fingerprint that was shared (selfreward.go).

// keepsForgotten reports whether the referee keeps the recorded attribution because it names no
// touch any more, as after an admission: until its campaign is reversed.
func (c *Configuration) keepsForgotten(referee *Referee) bool {
	if referee.Attribution == nil || !referee.Attribution.Forgotten() {
		return false
	}
	campaign := c.Campaigns[referee.Attribution.Campaign]
	return campaign != nil && campaign.Mode != Reversing
}

// Forgotten reports whether an erasure removed the touch from the attribution, which then stays as
// it is.
func (a *Attribution) Forgotten() bool { return a.Source == FromTouch && a.VisitorID == "" }

// ConditionsHeld reports, by purchase id, whether the condition of the purchase's revision is true.
// An erasure records the result before it blanks attributes. If the condition cannot be evaluated,
// the result is true for a purchase whose pair was admitted.
func ConditionsHeld(config *Configuration, referee *Referee) map[string]bool {
	held := make(map[string]bool, len(referee.Purchases))
	attribution, _ := attribute(config, referee)
	candidates, err := candidatesOf(config, referee)
	if err != nil {
		return held
	}
	unfit := map[*candidate]error{}
	for i := range candidates {
		c := &candidates[i]
		c.attribution = attribution
		if err := c.follow(config); err != nil {
			unfit[c] = err
		}
	}
	var cost uint64
	var conditions compiler
	for _, c := range byCondition(candidates) {
		if c.purchase == nil {
			continue
		}
		holds, err := false, unfit[c]
		switch {
		case cost > refereeLimit:
			err = errConditionsCost
		case err == nil:
			holds, err = c.conditionHeld(&conditions)
			cost += c.conditionCost
		}
		c.condition = nil
		if err != nil {
			holds = c.pair != nil && c.pair.wasAdmitted()
		}
		held[c.id()] = holds
	}
	return held
}

// conditionHeld evaluates the condition of the revision that the candidate follows. An error means
// that it cannot be evaluated.
func (c *candidate) conditionHeld(conditions *compiler) (holds bool, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the evaluation panicked: %v", fault)
		}
	}()
	if c.revision == nil {
		return false, fmt.Errorf("purchase %q follows no revision", c.id())
	}
	if err := conditions.compile(c); err != nil {
		return false, err
	}
	return conditionFalse(c) == "", nil
}
