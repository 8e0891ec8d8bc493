package reward

import (
	"iter"
	"time"
)

// RestoreAttribution returns the attribution that an admitted pair has when the recorded one is
// missing or was altered. The sources, in order: the link of the typed code and the referee's
// touches, if they name the pair's campaign and referrer and the referee's admitted purchases count
// by them; the recorded attribution, if it names campaign and referrer too; the pair itself.
// Whether the link is alive and the touch within the window is not checked: both may have changed
// after the pair was admitted.
func (c *Configuration) RestoreAttribution(referee *Referee, pair *Pair) *Attribution {
	if pair.cameBy(referee.Code) && c.mayHaveTyped(referee, pair) {
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
		Campaign: pair.Campaign, ReferrerID: pair.ReferrerID, Source: FromTouch, TouchedAt: LatestTouchTime(referee, pair),
	}
}

// linkUnknown reports whether the attribution was restored from a pair alone, which does not say by
// which link the signup came.
func (a *Attribution) linkUnknown() bool { return a.Code == "" }

// cameBy reports whether the link leads to the campaign and the referrer of the pair.
func (p *Pair) cameBy(link *Link) bool {
	return link != nil && link.Campaign == p.Campaign && link.ReferrerID == p.ReferrerID
}

// touchOf returns the preferred one of the touches through a link of the pair's campaign and
// referrer by which the referee's admitted purchases count; nil if there is none.
func (c *Configuration) touchOf(referee *Referee, pair *Pair) *Touch {
	if referee.Signup == nil {
		return nil
	}
	latest := LatestTouchTime(referee, pair)
	var picked *Touch
	for i := range referee.Touches {
		touch := &referee.Touches[i]
		if !pair.cameBy(touch.Link) || touch.TouchedAt.After(latest) {
			continue
		}
		if picked == nil || touch.preferred(picked, c.Attribution) {
			picked = touch
		}
	}
	return picked
}

// mayHaveTyped reports whether the typed code may have attributed the signup: all admitted
// purchases count by it. Its link may have come later, after a touch attributed the signup.
func (c *Configuration) mayHaveTyped(referee *Referee, pair *Pair) bool {
	if referee.Signup == nil {
		return false
	}
	typed, signedUpAt := Attribution{Source: FromCode}, referee.Signup.SignedUpAt
	for p, purchase := range referee.countedWith(pair) {
		if purchase != nil && purchase.PurchasedAt.Before(typed.countsFrom(signedUpAt, c.beforeSignup(p))) {
			return false
		}
	}
	return true
}

// beforeSignup returns how long before the signup a purchase may be by the pair's revision. If the
// revision is not known, every purchase before the signup is too early.
func (c *Configuration) beforeSignup(pair *Pair) time.Duration {
	if campaign := c.Campaigns[pair.Campaign]; campaign != nil {
		if i := campaign.index(pair.Revision); i >= 0 {
			return campaign.Revisions[i].Terms.BeforeSignup
		}
	}
	return 0
}

// LatestTouchTime returns the latest time that the touch can have that attributed the pair: the
// signup is not earlier, and neither is any purchase that counted by the same attribution.
func LatestTouchTime(referee *Referee, pair *Pair) time.Time {
	latest := pair.QualifiedAt
	if referee.Signup != nil {
		latest = referee.Signup.SignedUpAt
	}
	for p, purchase := range referee.countedWith(pair) {
		if !p.QualifiedAt.IsZero() { // else it was restored without its facts
			latest = earlier(latest, p.QualifiedAt)
		}
		if purchase != nil {
			latest = earlier(latest, purchase.PurchasedAt)
		}
	}
	return latest
}

// countedWith yields the pairs that count, or counted, by the same attribution as the given one,
// with their purchases; nil: the purchase is missing. A pair that was reversed because its purchase
// is outside the window does not say when the touch was.
func (r *Referee) countedWith(pair *Pair) iter.Seq2[*Pair, *Purchase] {
	return func(yield func(*Pair, *Purchase) bool) {
		purchases := make(map[string]*Purchase, len(r.Purchases))
		for i := range r.Purchases {
			purchases[r.Purchases[i].ID] = &r.Purchases[i]
		}
		for i := range r.Pairs {
			p := &r.Pairs[i]
			counted := (p.wasAdmitted() || p.State == Waiting) && p.Reason != OutsideWindow
			if counted && p.Campaign == pair.Campaign && p.ReferrerID == pair.ReferrerID && !yield(p, purchases[p.PurchaseID]) {
				return
			}
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
