package reward

import "time"

// RestoreAttribution returns the attribution that an admitted pair has when the recorded one is
// missing or was altered. The sources, in order: the link of the typed code and the referee's
// touches, if they name the pair's campaign and referrer; the recorded attribution, if it does so
// too; the pair itself. Whether the link is alive and the touch within the window is not checked:
// both may have changed after the pair was admitted.
func (c *Configuration) RestoreAttribution(referee *Referee, pair *Pair) *Attribution {
	if pair.cameBy(referee.Code) && referee.Signup != nil {
		restored := codeAttribution(referee.Code, referee.Signup.SignedUpAt)
		return &restored
	}
	if touch := c.touchOf(referee, pair); touch != nil {
		restored := touchAttribution(touch)
		return &restored
	}
	recorded := referee.Attribution
	if recorded != nil && recorded.Campaign == pair.Campaign && recorded.ReferrerID == pair.ReferrerID {
		return recorded
	}
	return &Attribution{
		Campaign: pair.Campaign, ReferrerID: pair.ReferrerID, Source: FromTouch, TouchedAt: latestTouchTime(referee, pair),
	}
}

// cameBy reports whether the link leads to the campaign and the referrer of the pair.
func (p *Pair) cameBy(link *Link) bool {
	return link != nil && link.Campaign == p.Campaign && link.ReferrerID == p.ReferrerID
}

// touchOf returns the preferred one of the touches before signup through a link of the pair's
// campaign and referrer; nil if there is none.
func (c *Configuration) touchOf(referee *Referee, pair *Pair) *Touch {
	if referee.Signup == nil {
		return nil
	}
	var picked *Touch
	for i := range referee.Touches {
		touch := &referee.Touches[i]
		if !pair.cameBy(touch.Link) || touch.TouchedAt.After(referee.Signup.SignedUpAt) {
			continue
		}
		if picked == nil || touch.preferred(picked, c.Attribution) {
			picked = touch
		}
	}
	return picked
}

// latestTouchTime returns the latest time that the touch of the pair can have: no fact of the pair
// is earlier.
func latestTouchTime(referee *Referee, pair *Pair) time.Time {
	latest := pair.QualifiedAt
	if referee.Signup != nil {
		latest = earlier(latest, referee.Signup.SignedUpAt)
	}
	for i := range referee.Purchases {
		if p := &referee.Purchases[i]; p.ID == pair.PurchaseID {
			latest = earlier(latest, p.PurchasedAt)
		}
	}
	return latest
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
