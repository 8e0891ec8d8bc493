package reward

import "fmt"

// After an erasure attributes, fingerprints and the way to the touches are gone,
// and no decision may change by that. What had been concluded from them is
// recorded, and stands in for them: here, where an attribution names no touch;
// in condition_facts.go, where a condition reads attributes that are gone; and
// in selfreward.go, where a fingerprint was shared.

// forgottenTouch reports whether the signup was attributed by a touch that the
// attribution does not name any more.
func (r *Referee) forgottenTouch() bool {
	return r.Attribution != nil && r.Attribution.Forgotten()
}

// Forgotten reports whether the attribution came by a touch that an erasure
// moved away. It stays as it is.
func (a *Attribution) Forgotten() bool { return a.Source == FromTouch && a.VisitorID == "" }

// attributeAsBefore keeps what is recorded, as after an admission, unless its
// campaign takes back all it gave.
func attributeAsBefore(config *Configuration, referee *Referee) (Attribution, Reason) {
	campaign := config.Campaigns[referee.Attribution.Campaign]
	if campaign == nil || campaign.Mode == Reversing {
		return Attribution{}, CampaignDeleted
	}
	return *referee.Attribution, ""
}

// ConditionsHeld reports, by purchase id, for which purchases the condition of
// their revision is true, or would have to be: it is asked before an erasure
// blanks attributes. Where that cannot be found out, it is true of what was admitted.
func ConditionsHeld(config *Configuration, referee *Referee) map[string]bool {
	held := make(map[string]bool, len(referee.Purchases))
	attribution, _ := attribute(config, referee)
	candidates, err := candidatesOf(config, referee)
	if err != nil {
		return held
	}
	for i := range candidates {
		c := &candidates[i]
		if c.purchase == nil {
			continue
		}
		c.attribution = attribution
		holds, err := c.conditionHeld(config)
		if err != nil {
			holds = c.pair != nil && c.pair.wasAdmitted()
		}
		held[c.id()] = holds
	}
	return held
}

// conditionHeld evaluates the condition of the revision that the candidate
// follows. An error means that there is nothing to evaluate.
func (c *candidate) conditionHeld(config *Configuration) (holds bool, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the evaluation broke off: %v", fault)
		}
	}()
	if err := c.follow(config); err != nil {
		return false, err
	}
	if c.revision == nil {
		return false, fmt.Errorf("purchase %q follows no revision", c.id())
	}
	return conditionFalse(c) == "", nil
}
