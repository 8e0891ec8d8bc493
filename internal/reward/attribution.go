package reward

import "time"

// attribute finds the link that a signup is bound to, or the reason why there
// is none. Once a pair of the referee was admitted, what is recorded stays,
// whatever has become of touches, links and campaigns.
func attribute(config *Configuration, referee *Referee) (*Attribution, Reason) {
	if config.Bound(referee.Pairs) {
		return referee.Attribution, NotAttributed
	}
	if referee.Signup == nil {
		return nil, NotAttributed
	}
	var found Attribution
	var reason Reason
	switch {
	case referee.Code != nil:
		found, reason = attributeByCode(config, referee)
	case referee.forgottenTouch():
		found, reason = attributeAsBefore(config, referee)
	default:
		found, reason = attributeByTouch(config, referee)
	}
	switch {
	case reason != "":
		return nil, reason
	case referee.Attribution != nil && referee.Attribution.is(&found):
		return referee.Attribution, ""
	}
	return &found, ""
}

// Bound reports whether a referee's recorded attribution stays. It does once a pair was admitted,
// unless its campaign takes back all it gave, and while a pair waits in a campaign that is not open.
func (c *Configuration) Bound(pairs []Pair) bool {
	for i := range pairs {
		mode := c.modeOf(&pairs[i])
		if pairs[i].wasAdmitted() && mode != Reversing || pairs[i].State == Waiting && mode.holdsPlaces() {
			return true
		}
	}
	return false
}

// modeOf is the mode of the pair's campaign; empty: it is not declared.
func (c *Configuration) modeOf(pair *Pair) Mode {
	if campaign := c.Campaigns[pair.Campaign]; campaign != nil {
		return campaign.Mode
	}
	return ""
}

// holdsPlaces reports whether waiting pairs stay where they are until the campaign is open again.
func (m Mode) holdsPlaces() bool { return m == Suspended || m == PolicyMissing || m == Closed }

// attributeByCode looks at nothing but the link whose code was typed: touches
// decide only where a code names no link. It binds the referrer as well: what
// comes of that is SelfReferral.
func attributeByCode(config *Configuration, referee *Referee) (Attribution, Reason) {
	link, at := referee.Code, referee.Signup.SignedUpAt
	if !link.alive(at) {
		return Attribution{}, NotAttributed
	}
	campaign := config.Campaigns[link.Campaign]
	if reason := unbinding(campaign, at); reason != "" {
		return Attribution{}, reason
	}
	return Attribution{
		Campaign:   link.Campaign,
		Code:       link.Code,
		ReferrerID: link.ReferrerID,
		Label:      link.Label,
		TouchedAt:  at,
		Source:     FromCode,
	}, ""
}

// alive tells whether the link binds anybody at that time.
func (l *Link) alive(at time.Time) bool {
	return (l.ExpiresAt.IsZero() || at.Before(l.ExpiresAt)) &&
		(l.DisabledAt.IsZero() || at.Before(l.DisabledAt))
}

// unbinding is the reason why a campaign binds no signup of that time. One that
// was deleted says so, rather than what one that never was would say.
func unbinding(campaign *Campaign, signedUpAt time.Time) Reason {
	switch {
	case campaign == nil:
		return NotAttributed
	case campaign.Mode == Closed, campaign.Mode == Reversing:
		return CampaignDeleted
	case !campaign.contains(signedUpAt):
		return OutsideCampaign
	}
	return ""
}

// is tells whether both say the same.
func (a *Attribution) is(b *Attribution) bool {
	return a.TouchedAt.Equal(b.TouchedAt) && a.Campaign == b.Campaign && a.Code == b.Code &&
		a.ReferrerID == b.ReferrerID && a.Source == b.Source && a.VisitorID == b.VisitorID && a.TouchID == b.TouchID && a.Label == b.Label
}
