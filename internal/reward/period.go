package reward

import "time"

// contains reports whether a signup of that time is in the campaign's period, which includes its
// start but not its end.
func (c *Campaign) contains(signedUpAt time.Time) bool {
	return (c.StartsAt.IsZero() || !signedUpAt.Before(c.StartsAt)) &&
		(c.EndsAt.IsZero() || signedUpAt.Before(c.EndsAt))
}

// withinWindow reports whether the touch is at most the attribution window before the signup.
func (c *Campaign) withinWindow(touchedAt, signedUpAt time.Time) bool {
	return !signedUpAt.After(touchedAt.Add(c.AttributionWindow))
}

// outsideCampaign requires the signup to be in the campaign's period as it is declared now: an edit
// applies to what is admitted afterwards, even if the signup keeps its attribution.
func outsideCampaign(c *candidate) Reason {
	if !c.campaign.contains(c.referee.Signup.SignedUpAt) {
		return OutsideCampaign
	}
	return ""
}

// outsideAttributionWindow requires the touch to be within the attribution window as it is declared
// now.
func outsideAttributionWindow(c *candidate) Reason {
	if c.attribution.Source != FromCode && !c.campaign.withinWindow(c.attribution.TouchedAt, c.referee.Signup.SignedUpAt) {
		return OutsideWindow
	}
	return ""
}
