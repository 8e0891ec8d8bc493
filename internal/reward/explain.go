package reward

import (
	"cmp"
	"slices"
	"time"
)

// Explanation is what Decide decides about one referee, with every reason against each purchase,
// not only the first.
type Explanation struct {
	Outcome
	NotAttributed Reason // why the signup is not attributed; empty: it is
	Purchases     []ExplainedPurchase
}

// ExplainedPurchase is one purchase known or decided before.
type ExplainedPurchase struct {
	PurchaseID string
	Net        Money    // amount less all refunds; zero if it was not judged
	Campaign   string   // that it is judged in; empty if it was not judged
	Revision   int      // the revision that it is judged under; zero if it was not judged
	Reasons    []Reason // in the order of the closed list; empty: only capacity and hold keep it from being granted
	// Checks are the rules that were applied, in the order of the closed list of reasons. A condition
	// that decides nothing may be left out of Reasons and Checks for its cost.
	Checks []Check
}

// Explain returns why each purchase of a referee earns what it earns. Like Decide it depends only
// on its arguments. For a suspended campaign it returns the reasons that would apply if it were
// open.
func Explain(config *Configuration, referee *Referee, now time.Time) (Explanation, error) {
	outcome, err := Decide(config, referee, now)
	if err != nil {
		return Explanation{}, err
	}
	attribution, notAttributed := attribute(config, referee)
	candidates, err := judged(config, referee, attribution, notAttributed, true)
	if err != nil {
		return Explanation{}, err
	}
	explanation := Explanation{Outcome: outcome}
	if attribution == nil {
		explanation.NotAttributed = notAttributed
	}
	first := firstOf(candidates)
	for i := range candidates {
		c := &candidates[i]
		explained := ExplainedPurchase{PurchaseID: c.id()}
		explained.Reasons, explained.Checks = c.against(notAttributed, i == first)
		if c.revision != nil {
			explained.Campaign, explained.Revision = c.campaign.Name, c.revision.Number
			explained.Net = Money{Amount: c.net, Currency: c.purchase.Currency}
		}
		explanation.Purchases = append(explanation.Purchases, explained)
	}
	return explanation, nil
}

// against returns all reasons why the candidate does not count, and the checks that were applied.
// The three rules at the end compare the candidate with its referee's other purchases and its
// campaign, and are described here; describe.go describes the others.
func (c *candidate) against(notAttributed Reason, first bool) (reasons []Reason, applied []Check) {
	if reason := c.unjudgeable(notAttributed); reason != "" {
		if c.deleted {
			reasons = append(reasons, CampaignDeleted)
		}
		return append(reasons, reason), nil
	}
	add := func(rule Rule, reason Reason, detail string) {
		if reason != "" {
			reasons = append(reasons, reason)
		}
		is := Check{Rule: rule, Passed: reason == "", Detail: detail}
		// A rule may have two checks, such as one of what was admitted. The one that fails is shown.
		at := slices.IndexFunc(applied, func(c Check) bool { return c.Rule == rule })
		switch {
		case at < 0:
			applied = append(applied, is)
		case applied[at].Passed:
			applied[at] = is
		}
	}
	head, then := c.checks()
	for _, check := range slices.Concat(head, then) {
		if check.rule == RuleCondition && !c.evaluated {
			continue // see judged
		}
		add(check.rule, check.fails(c), check.describe(c))
	}
	if c.earnsOnlyAsFirst() {
		var reason Reason
		if !c.keepsPlace() && !first && c.reason == "" {
			reason = NotFirstPurchase
		}
		add(RuleFirstPurchase, reason, "")
	}
	if verdict := c.purchase.Override; verdict != NoVerdict {
		var reason Reason
		if c.denied() {
			reason = Overridden
		}
		add(RuleOverride, reason, "an override says "+string(verdict))
	}
	if c.campaign.Mode == Closed && !c.keepsPlace() || c.campaign.Mode == Reversing {
		add(RuleCampaignOpen, CampaignDeleted, "the campaign "+c.campaign.Name+" is deleted")
	}
	slices.SortFunc(reasons, func(a, b Reason) int { return cmp.Compare(slices.Index(reasonOrder, a), slices.Index(reasonOrder, b)) })
	return slices.Compact(reasons), applied
}
