package reward

import "time"

// attribute returns the referee's attribution, or the reason why there is none. Once a pair of the
// referee was admitted, the recorded attribution stays, whatever happens to touches, links and
// campaigns.
func attribute(config *Configuration, referee *Referee) (*Attribution, Reason) {
	if config.KeepsAttribution(referee.Pairs) {
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
	case config.keepsForgotten(referee):
		return referee.Attribution, ""
	default:
		found, reason = attributeByTouch(config, referee)
	}
	switch {
	case reason != "":
		return nil, reason
	case referee.Attribution != nil && referee.Attribution.Same(&found):
		return referee.Attribution, ""
	}
	return &found, ""
}

// AttributionOf returns the attribution that the facts give a referee, which depends on none of its
// purchases; nil: not attributed. It is the recorded one itself where that stays.
func AttributionOf(config *Configuration, referee *Referee) *Attribution {
	attribution, _ := attribute(config, referee)
	return attribution
}

// KeepsAttribution reports whether a referee with these pairs keeps its recorded attribution.
func (c *Configuration) KeepsAttribution(pairs []Pair) bool { return c.AttributionKeeper(pairs) != nil }

// AttributionKeeper returns the first pair that makes its referee keep the recorded attribution: a
// pair that was admitted, unless its campaign is being reversed, or a pair that waits in a campaign
// that is not open. nil: there is none, and the attribution follows the facts.
func (c *Configuration) AttributionKeeper(pairs []Pair) *Pair {
	for i := range pairs {
		pair, mode := &pairs[i], c.modeOf(pairs[i].Campaign)
		if pair.wasAdmitted() && mode != Reversing || pair.State == Waiting && mode.keepsWaitlist() {
			return pair
		}
	}
	return nil
}

// modeOf returns the mode of a campaign; empty: the campaign is not declared.
func (c *Configuration) modeOf(name string) Mode {
	if campaign := c.Campaigns[name]; campaign != nil {
		return campaign.Mode
	}
	return ""
}

// keepsWaitlist reports whether waiting pairs keep their attribution until the campaign is open
// again.
func (m Mode) keepsWaitlist() bool { return m == Suspended || m == PolicyMissing || m == Closed }

// attributeByCode attributes the signup to the link of its typed code, which decides alone: touches
// decide only if the code names no link. The referrer's own signup is attributed too, and its
// purchases are SelfReferral.
func attributeByCode(config *Configuration, referee *Referee) (Attribution, Reason) {
	link, at := referee.Code, referee.Signup.SignedUpAt
	if !link.alive(at) {
		return Attribution{}, NotAttributed
	}
	campaign := config.Campaigns[link.Campaign]
	if reason := notAttributing(campaign, at); reason != "" {
		return Attribution{}, reason
	}
	return codeAttribution(link, at), ""
}

// codeAttribution returns the attribution of a signup to the link of its typed code.
func codeAttribution(link *Link, signedUpAt time.Time) Attribution {
	return Attribution{
		Campaign:   link.Campaign,
		Code:       link.Code,
		ReferrerID: link.ReferrerID,
		Label:      link.Label,
		TouchedAt:  signedUpAt,
		Source:     FromCode,
	}
}

// alive reports whether the link is neither expired nor disabled at that time.
func (l *Link) alive(at time.Time) bool {
	return (l.ExpiresAt == nil || at.Before(*l.ExpiresAt)) &&
		(l.DisabledAt == nil || at.Before(*l.DisabledAt))
}

// notAttributing returns the reason why a campaign attributes no signup of that time; empty: it
// does. A deleted campaign has another reason than one that was never declared.
func notAttributing(campaign *Campaign, signedUpAt time.Time) Reason {
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

// Same reports whether every field of both attributions is the same.
func (a *Attribution) Same(b *Attribution) bool {
	return a.TouchedAt.Equal(b.TouchedAt) && a.Campaign == b.Campaign && a.Code == b.Code &&
		a.ReferrerID == b.ReferrerID && a.Source == b.Source && a.VisitorID == b.VisitorID && a.TouchID == b.TouchID && a.Label == b.Label
}
