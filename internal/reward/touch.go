package reward

import "cmp"

// attributeByTouch picks the first or the last of the touches that fit. Where
// none does, the reason is the most telling of theirs: that of a touch which
// only a deleted campaign, the campaign's period or its window stood against,
// in this order.
func attributeByTouch(config *Configuration, referee *Referee) (Attribution, Reason) {
	var picked *Touch
	reason := NotAttributed
	for i := range referee.Touches {
		touch := &referee.Touches[i]
		switch why := unfit(config, referee, touch); {
		case why != "":
			reason = moreTelling(reason, why)
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

// unfit is the reason why a touch cannot bind the signup; empty: it can.
func unfit(config *Configuration, referee *Referee, touch *Touch) Reason {
	link, signedUpAt := touch.Link, referee.Signup.SignedUpAt
	if link == nil || touch.TouchedAt.After(signedUpAt) ||
		!link.alive(touch.TouchedAt) || link.ReferrerID == referee.UserID {
		return NotAttributed
	}
	campaign := config.Campaigns[link.Campaign]
	if reason := unbinding(campaign, signedUpAt); reason != "" {
		return reason
	}
	if !campaign.reaches(touch.TouchedAt, signedUpAt) {
		return OutsideWindow
	}
	return ""
}

// moreTelling is whichever reason says more about touches that bind nobody.
func moreTelling(a, b Reason) Reason {
	for _, reason := range [...]Reason{CampaignDeleted, OutsideCampaign, OutsideWindow} {
		if a == reason || b == reason {
			return reason
		}
	}
	return NotAttributed
}

// preferred tells whether the model picks t rather than u. Touches of one time
// are told apart by (code, touch id): the lowest binds.
func (t *Touch) preferred(u *Touch, model AttributionModel) bool {
	if c := t.TouchedAt.Compare(u.TouchedAt); c != 0 {
		return (c < 0) == (model == FirstTouch)
	}
	if c := cmp.Compare(t.Link.Code, u.Link.Code); c != 0 {
		return c < 0
	}
	return t.TouchID < u.TouchID
}
