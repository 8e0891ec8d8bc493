package reward

// Of a person who was forgotten, attributes, fingerprints and the way to the
// touches are gone, and no decision may change by that. So what had been
// concluded from them stands in for them.

// forgottenTouch tells that the signup was bound by a touch to which nothing
// leads any more.
func (r *Referee) forgottenTouch() bool {
	return !r.Signup.ErasedAt.IsZero() && r.Attribution != nil && r.Attribution.Source == FromTouch
}

// attributeAsBefore keeps what is recorded, as of who was admitted, unless its
// campaign takes back all it gave.
func attributeAsBefore(config *Configuration, referee *Referee) (Attribution, Reason) {
	campaign := config.Campaigns[referee.Attribution.Campaign]
	if campaign == nil || campaign.Mode == Reversing {
		return Attribution{}, CampaignDeleted
	}
	return *referee.Attribution, ""
}

// forgotten tells that attributes which a condition could ask for are gone. Those
// of a purchase that came afterwards are not.
func (c *candidate) forgotten() bool {
	return !c.purchase.ArrivedAt.After(c.referee.Signup.ErasedAt)
}

// didHold tells that the condition was true before: what counted has a pair. Of
// what never counted it is not known, and is taken for false.
func (c *candidate) didHold() bool { return c.pair != nil && c.pair.Reason != ConditionFalse }
