package reward

import "cmp"

// attributeByTouch picks the first or the last of the touches that can attribute the signup. If
// there is none, it returns the most specific reason of all touches; see moreSpecific.
func attributeByTouch(config *Configuration, referee *Referee) (Attribution, Reason) {
	var picked *Touch
	reason := NotAttributed
	for i := range referee.Touches {
		touch := &referee.Touches[i]
		switch why := unfit(config, referee, touch); {
		case why != "":
			reason = moreSpecific(reason, why)
		case picked == nil || touch.preferred(picked, config.Attribution):
			picked = touch
		}
	}
	if picked == nil {
		return Attribution{}, reason
	}
	return touchAttribution(picked), ""
}

// touchAttribution returns the attribution of a signup to the link of a touch.
func touchAttribution(touch *Touch) Attribution {
	return Attribution{
		Campaign:   touch.Link.Campaign,
		Code:       touch.Link.Code,
		ReferrerID: touch.Link.ReferrerID,
		Label:      touch.Link.Label,
		TouchedAt:  touch.TouchedAt,
		Source:     FromTouch,
		VisitorID:  touch.VisitorID,
		TouchID:    touch.TouchID,
	}
}

// unfit returns the reason why a touch cannot attribute the signup; empty: it can.
func unfit(config *Configuration, referee *Referee, touch *Touch) Reason {
	link, signedUpAt := touch.Link, referee.Signup.SignedUpAt
	if link == nil || touch.TouchedAt.After(signedUpAt) ||
		!link.alive(touch.TouchedAt) || link.ReferrerID == referee.UserID {
		return NotAttributed
	}
	campaign := config.Campaigns[link.Campaign]
	if reason := notAttributing(campaign, signedUpAt); reason != "" {
		return reason
	}
	if !campaign.withinWindow(touch.TouchedAt, signedUpAt) {
		return OutsideWindow
	}
	return ""
}

// moreSpecific returns the reason that says more about touches that cannot attribute a signup.
func moreSpecific(a, b Reason) Reason {
	for _, reason := range [...]Reason{CampaignDeleted, OutsideCampaign, OutsideWindow} {
		if a == reason || b == reason {
			return reason
		}
	}
	return NotAttributed
}

// preferred reports whether the model picks t rather than u. Between touches of the same time it
// picks the one with the lowest (code, touch id).
func (t *Touch) preferred(u *Touch, model AttributionModel) bool {
	if c := t.TouchedAt.Compare(u.TouchedAt); c != 0 {
		return (c < 0) == (model == FirstTouch)
	}
	if c := cmp.Compare(t.Link.Code, u.Link.Code); c != 0 {
		return c < 0
	}
	return t.TouchID < u.TouchID
}
