package reward

import (
	"cmp"
	"time"
)

// Remedy says what would have to happen for a purchase in this state to be credited, in words that
// a support person can pass on. Empty: it is credited. The mode is that of the campaign that the
// purchase is judged in; empty: it is judged in none.
func Remedy(mode Mode, state State, reason Reason, maturesAt time.Time) string {
	switch state {
	case Granted:
		if reason == BudgetExhausted {
			return "The credit stands. " + growthRemedy(mode)
		}
		return ""
	case Held:
		return heldRemedy(mode, reason, maturesAt)
	case Waiting:
		return waitingRemedy(mode, reason)
	case NotCounting, Reversed:
	}
	// A signup that is attributed to no link may still come to another campaign.
	if mode == Closed && reason != NotAttributed {
		reason = CampaignDeleted
	}
	if remedy, known := remedies[reason]; known {
		return remedy
	}
	return "Ask again in a minute: the purchase has not been decided yet."
}

// ShownReason returns the reason to show for a pair that is recorded with a reason. A waiting pair
// is shown with what it waits for now, if that is known, and not with what it lacked when it was
// decided last. In a deleted campaign it waits for the campaign's declaration.
func ShownReason(mode Mode, state State, recorded, waitsFor Reason) Reason {
	switch {
	case state != Waiting:
		return recorded
	case mode == Closed:
		return CampaignDeleted
	}
	return cmp.Or(waitsFor, recorded)
}

func waitingRemedy(mode Mode, reason Reason) string {
	switch mode {
	case Suspended:
		return "The purchase keeps its place and waits until the campaign is resumed."
	case PolicyMissing:
		return "The purchase keeps its place and waits until the campaign has a policy again."
	case Closed:
		return "The campaign was deleted. The purchase keeps its place and waits until the campaign is declared again."
	case Open, Reversing: // Reversing: the pair is taken back within a moment
	}
	switch reason {
	case CapReached:
		return "The referrer already has as many rewarded friends as the campaign allows. The purchase is credited in its turn once the cap is raised or a reward of another friend is taken back."
	case BudgetExhausted:
		return "The campaign's budget is used up. The purchase is credited in its turn once the budget is raised or other credit of the campaign is taken back."
	case Qualified:
		return "The campaign has capacity for the purchase, which is credited in its turn."
	default:
		return "The purchase waits for capacity and is credited in its turn."
	}
}

// heldRemedy is about a held pair. The holds of a suspended campaign do not end; in every other
// mode they do.
func heldRemedy(mode Mode, reason Reason, maturesAt time.Time) string {
	at := timeText(maturesAt)
	granted := "The credit is granted at " + at
	if mode == Suspended {
		granted = "The credit is granted once the campaign is resumed, but not before " + at
	}
	switch {
	case reason == BudgetExhausted:
		return granted + ". " + growthRemedy(mode)
	case reason == HoldPeriod && mode == Suspended:
		return granted + ", unless the purchase is refunded before."
	case reason == HoldPeriod:
		return "Nothing needs to be done: the credit is granted at " + at + ", unless the purchase is refunded before."
	}
	return "The credit is held until " + at + "."
}

// growthRemedy says when an admitted pair that the budget had no capacity for earns its new amount.
func growthRemedy(mode Mode) string {
	if mode == Suspended {
		return "It can grow to its new amount once the campaign is resumed."
	}
	return "It grows to its new amount once the campaign's budget is raised or other credit of the campaign is taken back."
}

// remedies are for purchases that do not count.
var remedies = map[Reason]string{
	CampaignDeleted:   "The campaign was deleted. Only declaring it again can credit the purchase.",
	PurchaseRemoved:   "The purchase or the signup is no longer recorded. The shop has to record it again.",
	NotAttributed:     "The signup came through no referral link. If a code was used, check that it is recorded on the signup and that its link is in force.",
	OutsideCampaign:   "The user signed up outside the campaign's period. Only another period of the campaign can credit the purchase.",
	OutsideWindow:     "The purchase, or the use of the link, was outside the time that the campaign allows. Another purchase within that time counts.",
	Refunded:          "The purchase is refunded in full. It counts again if the refund is withdrawn; another purchase may count in its place.",
	CurrencyMismatch:  "The campaign does not reward purchases in this currency. A purchase in a listed currency counts.",
	BelowMinimum:      "What is left of the purchase after refunds is below the minimum. A purchase of at least the minimum counts.",
	ConditionFalse:    "The purchase does not meet the condition of the policy. Another purchase that meets it counts.",
	SelfReferral:      "The user came through a link of their own. Only an override with verdict Allow can credit the purchase.",
	SharedFingerprint: "The user and the referrer look like one person. If they are two, an override with verdict Allow credits the purchase.",
	NotFirstPurchase:  "Only the first purchase of a user is rewarded, and another purchase is the first.",
	Overridden:        "An override with verdict Deny blocks the purchase. Withdrawing the override credits it, if nothing else stands against it.",
}
