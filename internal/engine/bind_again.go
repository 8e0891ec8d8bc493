package engine

import (
	"time"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// boundBy is the pair that binds a referee for good; nil: there is none.
func (b *batch) boundBy(r *referee) *reward.Pair {
	for i := range r.Pairs {
		if b.config.Reward.Bound(r.Pairs[i : i+1]) {
			return &r.Pairs[i]
		}
	}
	return nil
}

// bindAgain finds what an admitted pair rests on when its attribution is gone
// or was altered: the link or touch that it must have come by, else what is
// left of the row, else as much as the pair itself tells.
func (r *referee) bindAgain(config *reward.Configuration) {
	pair := r.boundTo
	if pair == nil {
		return
	}
	found := reward.Attribution{Campaign: pair.Campaign, ReferrerID: pair.ReferrerID}
	fits := func(l *reward.Link) bool {
		return l != nil && l.Campaign == pair.Campaign && l.ReferrerID == pair.ReferrerID
	}
	touch := r.touchOf(config.Attribution, fits)
	switch {
	case fits(r.Code):
		found.Code, found.Label, found.Source, found.TouchedAt = r.Code.Code, r.Code.Label, reward.FromCode, r.Signup.SignedUpAt
	case touch != nil:
		found.Code, found.Label, found.Source, found.TouchedAt = touch.Link.Code, touch.Link.Label, reward.FromTouch, touch.TouchedAt
		found.VisitorID, found.TouchID = touch.VisitorID, touch.TouchID
	case r.Attribution != nil && r.Attribution.Campaign == pair.Campaign && r.Attribution.ReferrerID == pair.ReferrerID:
		return
	default:
		found.Source, found.TouchedAt = reward.FromTouch, r.firstFact(pair)
	}
	r.lostAttribution = r.Attribution == nil
	r.Attribution = &found
}

// touchOf is the touch among those that fit which would have bound the signup.
func (r *referee) touchOf(model reward.AttributionModel, fits func(*reward.Link) bool) *reward.Touch {
	var found *reward.Touch
	for i := range r.Touches {
		t := &r.Touches[i]
		if !fits(t.Link) || t.TouchedAt.After(r.Signup.SignedUpAt) {
			continue
		}
		if found == nil || t.TouchedAt.Before(found.TouchedAt) == (model == reward.FirstTouch) {
			found = t
		}
	}
	return found
}

// firstFact is a time that the touch cannot have been after.
func (r *referee) firstFact(pair *reward.Pair) time.Time {
	first := pair.QualifiedAt
	if r.Signup != nil && r.Signup.SignedUpAt.Before(first) {
		first = r.Signup.SignedUpAt
	}
	if p := r.purchase(pair.PurchaseID); p != nil && p.PurchasedAt.Before(first) {
		first = p.PurchasedAt
	}
	return first
}
