package reward

import "time"

// contains tells whether a signup of that time is in the campaign's period,
// which includes its start but not its end.
func (c *Campaign) contains(signedUpAt time.Time) bool {
	return (c.StartsAt.IsZero() || !signedUpAt.Before(c.StartsAt)) &&
		(c.EndsAt.IsZero() || signedUpAt.Before(c.EndsAt))
}

// reaches tells whether a touch is near enough to a signup, bounds included.
func (c *Campaign) reaches(touchedAt, signedUpAt time.Time) bool {
	return !signedUpAt.After(touchedAt.Add(c.AttributionWindow))
}

// outsideCampaign looks at the period as it is now: an edit reaches what is
// admitted afterwards, also of a signup that keeps its attribution.
func outsideCampaign(c *candidate) Reason {
	if !c.campaign.contains(c.referee.Signup.SignedUpAt) {
		return OutsideCampaign
	}
	return ""
}

// outsideAttributionWindow does the same for the window from touch to signup.
func outsideAttributionWindow(c *candidate) Reason {
	if c.attribution.Source != FromCode && !c.campaign.reaches(c.attribution.TouchedAt, c.referee.Signup.SignedUpAt) {
		return OutsideWindow
	}
	return ""
}
