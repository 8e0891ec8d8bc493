package reward

import "cmp"

// attributeByTouch picks the first or the last of the touches that can attribute the signup. If
// there is none, it returns the most specific reason of all touches; see moreSpecific.
func attributeByTouch(config *Configuration, referee *Referee) (Attribution, Reason) {
	var picked *Touch
	reason := NotAttributed
	for i := range referee.Touches {
		touch := &referee.Touches[i]
		switch why, _ := unfit(config, referee, touch); {
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

// unfit returns the reason why a touch cannot attribute the signup, and the cause in words; empty:
// it can.
func unfit(config *Configuration, referee *Referee, touch *Touch) (Reason, string) {
	link, signedUpAt := touch.Link, referee.Signup.SignedUpAt
	switch {
	case link == nil:
		return NotAttributed, "its code names no link"
	case touch.TouchedAt.After(signedUpAt):
		return NotAttributed, "it is after the signup"
	case !link.alive(touch.TouchedAt):
		return NotAttributed, "its link had expired or was disabled"
	case link.ReferrerID == referee.UserID:
		return NotAttributed, "its link is the user's own"
	}
	campaign := config.Campaigns[link.Campaign]
	switch reason := notAttributing(campaign, signedUpAt); reason {
	case "":
	case CampaignDeleted:
		return reason, "its campaign is deleted"
	case OutsideCampaign:
		return reason, "the signup is outside the period of its campaign"
	default:
		return reason, "its campaign is not declared"
	}
	if !campaign.withinWindow(touch.TouchedAt, signedUpAt) {
		return OutsideWindow, "it is longer before the signup than the campaign's attribution window"
	}
	return "", ""
}

// WhyLost returns why a touch does not decide the attribution of its visitor's signup; empty: it
// decides. attribution is the one in force; nil: there is none.
func WhyLost(config *Configuration, referee *Referee, attribution *Attribution, touch *Touch) string {
	if referee.Signup == nil {
		return "the user has not signed up"
	}
	if attribution != nil && attribution.Source == FromTouch &&
		attribution.VisitorID == touch.VisitorID && attribution.TouchID == touch.TouchID {
		return ""
	}
	if _, why := unfit(config, referee, touch); why != "" {
		return why
	}
	switch {
	case referee.Code != nil || attribution != nil && attribution.Source == FromCode:
		return "the code of the signup decides"
	case attribution == nil:
		return "the signup is not attributed"
	case config.KeepsAttribution(referee.Pairs):
		return "an earlier attribution is kept, since a purchase was rewarded under it"
	case config.Attribution == FirstTouch:
		return "an earlier touch of the same visitor decides"
	}
	return "a later touch of the same visitor decides"
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
