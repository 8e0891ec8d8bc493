package controllers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/reward"
)

const (
	// mostStatusBytes is the most that a status should take as JSON.
	mostStatusBytes = 64 << 10

	// mostSentBytes is the most that a status may take: etcd refuses objects above about 1.5 MiB.
	mostSentBytes = 1 << 20
)

// showUser writes the answer about a user, or about the purchase that is named.
func showUser(status *v1alpha1.RewardReviewStatus, review *explain.Review, purchaseID string) {
	status.AnsweredAt, status.Pending, status.Truncated = timeOf(review.At), review.Pending, review.Truncated
	if a := review.Attribution; a != nil {
		status.Attribution = &v1alpha1.ReviewedAttribution{
			Campaign: a.Campaign, Code: a.Code, ReferrerID: a.ReferrerID, TouchedAt: shownTime(a.TouchedAt), Source: a.Source,
		}
	}
	for i := range review.Timeline {
		e := &review.Timeline[i]
		event := v1alpha1.ReviewedEvent{
			At: shownTime(e.At), What: e.What, Code: e.Code, Campaign: e.Campaign, PurchaseID: e.PurchaseID, Lost: e.Lost,
		}
		if e.Currency != "" {
			event.Amount = amountOf(e.Amount, e.Currency)
		}
		status.Timeline = append(status.Timeline, event)
	}
	for i := range review.Purchases {
		p := &review.Purchases[i]
		status.Purchases = append(status.Purchases, shownPurchase(p, review.Ledger[p.PurchaseID]))
	}
	switch {
	case len(status.Purchases) == 1:
		status.Summary = summaryOf(&status.Purchases[0], review.Purchases[0].Unrecorded)
	case len(status.Purchases) > 1 && review.OnlyRecorded:
		status.Summary = fmt.Sprintf("%d purchases are listed", len(status.Purchases))
	case len(status.Purchases) > 1:
		status.Summary = fmt.Sprintf("%d purchases are explained", len(status.Purchases))
	case !review.SignedUp:
		status.Summary = "the user is not known"
		status.Remedy = "Check the user's id. The shop has to record the signup."
	case purchaseID != "":
		status.Summary = "the user has no such purchase"
		status.Remedy = "Check the purchase's id. The shop has to record the purchase."
	case review.Attribution == nil && review.OnlyRecorded:
		status.Summary = "the signup is attributed to no link"
	case review.Attribution == nil:
		status.Summary = "the signup is attributed to no link: " + review.NotAttributed
		status.Remedy = reward.Remedy("", reward.NotCounting, reward.Reason(review.NotAttributed), review.At)
	default:
		status.Summary = "the user has bought nothing yet"
		status.Remedy = "The user has to buy something that the campaign rewards."
	}
	if review.Suspended != "" {
		status.Summary += "; campaign " + review.Suspended + " is suspended"
	}
	if review.OnlyRecorded {
		status.Summary += "; " + cmp.Or(review.Undecidable, tooManyFacts) + ": " + onlyRecorded
	}
}

// These say why an answer has no checks, and no reason of a purchase that never counted.
const (
	tooManyFacts = "the user has too many facts to be decided again for an answer"
	onlyRecorded = "only what is recorded is shown"
)

// notRecorded says what the engine has not recorded yet.
var notRecorded = map[explain.Unrecorded]string{
	explain.UnrecordedState:    "; this is not recorded yet",
	explain.UnrecordedAmount:   "; its present amount is not recorded yet",
	explain.UnrecordedTime:     "; this time is not recorded yet",
	explain.UnrecordedRevision: "; its revision is not recorded yet",
}

// summaryOf says in a sentence what a purchase earns, and what of that is not recorded yet.
func summaryOf(p *v1alpha1.ReviewedPurchase, unrecorded explain.Unrecorded) string {
	said := stateOf(p, unrecorded)
	if p.State != explain.Undecided {
		said += notRecorded[unrecorded]
	}
	return said
}

func stateOf(p *v1alpha1.ReviewedPurchase, unrecorded explain.Unrecorded) string {
	switch reward.State(p.State) {
	case reward.Granted:
		if unrecorded == explain.UnrecordedState {
			return "the purchase will be credited"
		}
		return "the purchase is credited"
	case reward.Held:
		if p.MaturesAt == nil {
			return "the credit of the purchase is held"
		}
		return "the credit of the purchase is held until " + p.MaturesAt.UTC().Format(time.RFC3339)
	case reward.Waiting:
		switch { // a Qualified one lacks no capacity; the remedy says what it waits for
		case p.Reason != string(reward.Qualified):
			return "the purchase counts and waits: " + p.Reason
		case unrecorded != "":
			return "the purchase will be credited in its turn"
		}
		return "the purchase counts and waits"
	case reward.NotCounting, reward.Reversed:
		if p.Reason == "" {
			return "the purchase does not count"
		}
		return "the purchase earns nothing: " + p.Reason
	default:
		return "the purchase is not decided yet"
	}
}

func amountOf(minor int64, currency string) string {
	return reward.FormatAmount(minor, currency) + " " + currency
}

// signedAmountOf is amountOf for an amount that is added: with a plus sign if it is above zero.
func signedAmountOf(minor int64, currency string) string {
	if minor > 0 {
		return "+" + amountOf(minor, currency)
	}
	return amountOf(minor, currency)
}

func shownPurchase(p *explain.Purchase, ledger []explain.Entry) v1alpha1.ReviewedPurchase {
	shown := v1alpha1.ReviewedPurchase{
		PurchaseID: p.PurchaseID, State: p.State, Reason: p.Reason, Campaign: p.Campaign, Revision: int64(p.Revision), Digest: p.Digest,
		Pending: p.Pending, Remedy: p.Remedy,
	}
	if p.PurchasedAt != nil {
		shown.PurchasedAt = new(shownTime(*p.PurchasedAt))
	}
	if p.Currency != "" {
		shown.Net = amountOf(p.Amount, p.Currency)
	}
	if p.MaturesAt != nil {
		shown.MaturesAt = new(shownTime(*p.MaturesAt))
	}
	for _, c := range p.Checks {
		shown.Checks = append(shown.Checks, v1alpha1.ReviewedCheck{Rule: c.Rule, Passed: c.Passed, Detail: c.Detail})
	}
	for _, c := range p.Credits {
		shown.Credits = append(shown.Credits, v1alpha1.ReviewedCredit{
			Reward: c.Reward, BeneficiaryID: c.BeneficiaryID, Amount: amountOf(c.Amount, c.Currency),
		})
	}
	for i := range ledger {
		e := &ledger[i]
		shown.Ledger = append(shown.Ledger, v1alpha1.ReviewedEntry{
			EnteredAt: shownTime(e.At), Kind: e.Kind, Reward: e.Reward, BeneficiaryID: e.BeneficiaryID,
			Amount: signedAmountOf(e.Amount, e.Currency), Reason: e.Reason, Revision: int64(e.Revision),
		})
	}
	return shown
}

// stages are the words for the states of a friend's furthest pair.
var stages = map[string]string{"": "AwaitingPurchase", "Waiting": "Waiting", "Held": "Held", "Granted": "Granted", "Reversed": "Reversed"}

// showFriends writes the answer about a referrer. It returns the places of the listed friends, each
// of which the next page may begin after.
func showFriends(status *v1alpha1.RewardReviewStatus, friends *explain.Friends) (places []string) {
	status.AnsweredAt, status.Truncated = timeOf(friends.At), !friends.Complete
	s := friends.Stages
	status.Friends = &v1alpha1.ReviewedFriends{
		ByStage: v1alpha1.ReviewedStages{AwaitingPurchase: s[0], Reversed: s[1], Waiting: s[2], Held: s[3], Granted: s[4]},
		Next:    friends.Next,
	}
	for _, f := range friends.Newest {
		status.Friends.Newest = append(status.Friends.Newest, v1alpha1.ReviewedFriend{
			UserID: f.UserID, SignedUpAt: shownTime(f.SignedUpAt), Campaign: f.Campaign, Stage: stages[f.State], Reason: f.Reason,
		})
		places = append(places, f.Place)
	}
	status.Summary = fmt.Sprintf("%s, %d with a granted credit", plural(s[0]+s[1]+s[2]+s[3]+s[4], "friend", "friends"), s[4])
	return places
}

// fitStatus shortens an answer to mostStatusBytes: the oldest events first, then ledger entries,
// then purchases; or friends, with their places. An answer that stays above mostSentBytes, because
// of texts that the operator has not written, is dropped. Conditions: Failed, which is Stalled.
func fitStatus(status *v1alpha1.RewardReviewStatus, places []string) error {
	for {
		text, err := json.Marshal(status)
		if err != nil {
			return fmt.Errorf("while measuring the answer: %w", err)
		}
		size := len(text)
		if size > mostStatusBytes && shorten(status, places) {
			status.Truncated = true
			continue
		}
		if size <= mostSentBytes {
			return nil
		}
		*status = v1alpha1.RewardReviewStatus{ObservedGeneration: status.ObservedGeneration, Conditions: status.Conditions}
		return stalled(v1alpha1.FailedReason, "the question cannot be answered: the answer has more than %d MiB, "+
			"the most that a status can hold; read the tables of the database instead", mostSentBytes>>20)
	}
}

// shorten halves the longest part that may be shortened. It reports whether there was one.
func shorten(status *v1alpha1.RewardReviewStatus, places []string) bool {
	if n := len(status.Timeline); n > 10 {
		status.Timeline = status.Timeline[n/2:]
		return true
	}
	if f := status.Friends; f != nil && len(f.Newest) > 1 {
		f.Newest = f.Newest[:len(f.Newest)/2]
		f.Next = places[len(f.Newest)-1]
		return true
	}
	cut := false
	for i := range status.Purchases {
		if n := len(status.Purchases[i].Ledger); n > 5 {
			status.Purchases[i].Ledger = status.Purchases[i].Ledger[:n/2]
			cut = true
		}
	}
	if n := len(status.Purchases); !cut && n > 1 {
		status.Purchases = status.Purchases[:n/2]
		return true
	}
	return cut
}
