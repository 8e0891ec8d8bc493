package reward

// Of a person who was forgotten, attributes, fingerprints and the way to the
// touches are gone, and no decision may change by that. So what had been
// concluded from them stands in for them.

// forgottenTouch tells that the signup was bound by a touch to which nothing
// leads any more: what is recorded stands in for it, as long as its campaign
// binds the signup.
func (r *Referee) forgottenTouch() bool {
	return !r.Signup.ErasedAt.IsZero() && r.Attribution != nil && r.Attribution.Source == FromTouch
}

// forgotten tells that attributes which a condition could ask for are gone. Those
// of a purchase that came afterwards are not.
func (c *candidate) forgotten() bool {
	return !c.purchase.ArrivedAt.After(c.referee.Signup.ErasedAt)
}

// didHold tells that the condition was true before: what counted has a pair. Of
// what never counted it is not known, and is taken for false.
func (c *candidate) didHold() bool { return c.pair != nil && c.pair.Reason != ConditionFalse }
