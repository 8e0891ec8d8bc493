package engine

import (
	"time"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// boundBy returns the first pair that fixes the referee's attribution; nil: none does.
func (b *batch) boundBy(r *referee) *reward.Pair {
	for i := range r.Pairs {
		if b.config.Reward.Bound(r.Pairs[i : i+1]) {
			return &r.Pairs[i]
		}
	}
	return nil
}

// bindAgain restores the attribution of an admitted pair that is missing or was altered: from the
// link or touch that must have led to it, else from the row that is left, else from the pair
// itself.
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

// touchOf returns the fitting touch that attributes the signup, or nil.
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

// firstFact returns a time that the touch was not after.
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
