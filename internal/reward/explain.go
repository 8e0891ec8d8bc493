package reward

import (
	"cmp"
	"slices"
	"time"
)

// Explanation is what Decide finds about one referee, and all that stands
// against each purchase rather than the first of it.
type Explanation struct {
	Outcome
	Unbound   Reason // why the signup is bound to nothing; empty: it is bound
	Purchases []ExplainedPurchase
}

// ExplainedPurchase is one purchase known or decided before.
type ExplainedPurchase struct {
	PurchaseID string
	Net        Money    // amount less all refunds; zero where nothing is left to judge
	Revision   int      // whose terms it is held to; zero where nothing is left to judge
	Reasons    []Reason // in the order of the closed list; empty: nothing but room and hold stand against it
}

// Explain answers whoever asks why. Like Decide it depends on nothing but its
// arguments. Of a suspended campaign it says what would be decided if it were not.
func Explain(config *Configuration, referee *Referee, now time.Time) (Explanation, error) {
	outcome, err := Decide(config, referee, now)
	if err != nil {
		return Explanation{}, err
	}
	attribution, unbound := attribute(config, referee)
	candidates, err := judged(config, referee, attribution, unbound)
	if err != nil {
		return Explanation{}, err
	}
	explanation := Explanation{Outcome: outcome}
	if attribution == nil {
		explanation.Unbound = unbound
	}
	place := firstOf(candidates)
	for i := range candidates {
		c := &candidates[i]
		explained := ExplainedPurchase{PurchaseID: c.id(), Reasons: c.against(unbound, i == place)}
		if c.revision != nil {
			explained.Revision = c.revision.Number
			explained.Net = Money{Amount: c.net, Currency: c.purchase.Currency}
		}
		explanation.Purchases = append(explanation.Purchases, explained)
	}
	return explanation, nil
}

// against are all reasons why the candidate does not count.
func (c *candidate) against(unbound Reason, first bool) []Reason {
	if reason := c.nothingToJudge(unbound); reason != "" {
		return []Reason{reason}
	}
	var reasons []Reason
	checks, then := c.heldTo()
	for _, check := range slices.Concat(checks, then) {
		if reason := check(c); reason != "" {
			reasons = append(reasons, reason)
		}
	}
	if c.wantsPlace() && !c.keepsPlace() && !first && c.reason == "" {
		reasons = append(reasons, NotFirstPurchase)
	}
	if c.denied() {
		reasons = append(reasons, Overridden)
	}
	if c.campaign.Mode == Closed && !c.keepsPlace() || c.campaign.Mode == Reversing {
		reasons = append(reasons, CampaignDeleted)
	}
	slices.SortFunc(reasons, func(a, b Reason) int { return cmp.Compare(slices.Index(reasonOrder, a), slices.Index(reasonOrder, b)) })
	return slices.Compact(reasons)
}
