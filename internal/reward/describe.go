package reward

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rule names one rule that a purchase is checked against, for people.
type Rule string

const (
	RuleCampaignPeriod    Rule = "CampaignPeriod"    // the signup is in the campaign's period
	RuleAttributionWindow Rule = "AttributionWindow" // the touch is not too long before the signup
	RulePurchaseWindow    Rule = "PurchaseWindow"    // the purchase is neither before the touch nor too long after the signup
	RuleNotRefunded       Rule = "NotRefunded"       // something of the purchase is left after refunds
	RuleCurrency          Rule = "Currency"          // the policy lists the purchase's currency
	RuleBudgetCurrency    Rule = "BudgetCurrency"    // the rewards are in the currency of the campaign's budget
	RuleMinimumAmount     Rule = "MinimumAmount"     // the net amount reaches the minimum
	RuleCondition         Rule = "Condition"         // the policy's condition is true
	RuleSelfReferral      Rule = "SelfReferral"      // the referrer is another person
	RuleSharedFingerprint Rule = "SharedFingerprint" // the referrer's signup shares no fingerprint
	RuleFirstPurchase     Rule = "FirstPurchase"     // no other purchase of the user counts as the first
	RuleOverride          Rule = "Override"          // no override denies the purchase
	RuleCampaignOpen      Rule = "CampaignOpen"      // the campaign is not deleted
)

// Check is the outcome of one rule for one purchase.
type Check struct {
	Rule   Rule
	Passed bool
	Detail string // the comparison with its numbers; empty: nothing was compared
}

func amountText(minor int64, currency string) string {
	return FormatAmount(minor, currency) + " " + currency
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// compared puts the sign between two amounts or times of which the first is less, or is not.
func compared(a string, less bool, b string) string {
	if less {
		return a + " < " + b
	}
	return a + " ≥ " + b
}

func describeCampaignPeriod(c *candidate) string {
	at, starts, ends := c.referee.Signup.SignedUpAt, c.campaign.StartsAt, c.campaign.EndsAt
	var parts []string
	if !starts.IsZero() {
		parts = append(parts, compared("signup "+timeText(at), at.Before(starts), "start "+timeText(starts)))
	}
	if !ends.IsZero() {
		parts = append(parts, compared("signup "+timeText(at), at.Before(ends), "end "+timeText(ends)))
	}
	return strings.Join(parts, ", ")
}

func describeAttributionWindow(c *candidate) string {
	if c.attribution.Source == FromCode {
		return "the code came with the signup"
	}
	passed := c.referee.Signup.SignedUpAt.Sub(c.attribution.TouchedAt)
	return atMost("touch "+passed.String()+" before the signup", passed <= c.campaign.AttributionWindow, c.campaign.AttributionWindow.String())
}

func atMost(a string, holds bool, b string) string {
	if holds {
		return a + " ≤ " + b
	}
	return a + " > " + b
}

func describePurchaseWindow(c *candidate) string {
	at, signedUpAt := c.purchase.PurchasedAt, c.referee.Signup.SignedUpAt
	from := c.attribution.countsFrom(signedUpAt, c.revision.Terms.BeforeSignup)
	detail := compared("purchase "+timeText(at), at.Before(from), timeText(from))
	if within := c.revision.Terms.WithinSignup; within > 0 {
		until := signedUpAt.Add(within)
		detail += ", " + atMost("purchase "+timeText(at), !at.After(until), timeText(until))
	}
	return detail
}

func describeNet(c *candidate) string {
	currency := c.purchase.Currency
	if c.purchase.Refunded == 0 {
		return "nothing of " + amountText(c.purchase.Amount, currency) + " is refunded"
	}
	return fmt.Sprintf("%s of %s is refunded", amountText(c.purchase.Refunded, currency), amountText(c.purchase.Amount, currency))
}

func describeCurrency(c *candidate) string {
	terms := &c.revision.Terms
	lists := []map[string]int64{terms.MinimumAmounts}
	for i := range terms.Rewards {
		if p := terms.Rewards[i].Percentage; p != nil {
			lists = append(lists, p.MaximumAmounts)
		}
	}
	for _, amounts := range lists {
		if !listed(amounts, c.purchase.Currency) {
			return c.purchase.Currency + " is none of " + strings.Join(currenciesOf(amounts), ", ")
		}
	}
	return c.purchase.Currency
}

func currenciesOf(amounts map[string]int64) []string {
	currencies := make([]string, 0, len(amounts))
	for currency := range amounts {
		currencies = append(currencies, currency)
	}
	slices.Sort(currencies)
	return currencies
}

func describeBudgetCurrency(c *candidate) string {
	budget := c.campaign.Budget
	if budget == nil {
		return "the campaign has no budget"
	}
	for i := range c.revision.Terms.Rewards {
		if r := &c.revision.Terms.Rewards[i]; r.currency(c.purchase) != budget.Currency {
			return fmt.Sprintf("reward %s is in %s, the budget in %s", r.Name, r.currency(c.purchase), budget.Currency)
		}
	}
	return budget.Currency
}

func describeMinimum(c *candidate) string {
	currency := c.purchase.Currency
	least, listed := c.revision.Terms.MinimumAmounts[currency]
	if !listed || c.purchase.Amount == 0 && least <= 0 {
		return atMost(amountText(c.net, currency), c.net <= 0, amountText(0, currency))
	}
	return compared(amountText(c.net, currency), c.net < least, amountText(least, currency))
}

func describeCondition(c *candidate) string {
	switch {
	case c.revision.Terms.Condition == "":
		return "the policy has no condition"
	case c.conditionFailed:
		return "the condition ended in an error: " + beginning(c.revision.Terms.Condition)
	}
	return c.revision.Terms.Condition
}

// beginning returns a condition, or the beginning of a long one: an explanation has a copy for each
// purchase.
func beginning(condition string) string {
	const most = 256 // bytes
	if len(condition) <= most {
		return condition
	}
	return strings.ToValidUTF8(condition[:most], "") + "…"
}

func describeSelfReferral(c *candidate) string {
	if c.attribution.ReferrerID == c.referee.UserID {
		return "the referrer and the user are one person" + c.lifted()
	}
	return "the referrer is another person"
}

// describeFingerprint names no fingerprint.
func describeFingerprint(c *candidate) string {
	return strings.TrimPrefix(c.lifted(), ", ")
}

// lifted is what an Allow does to rule 3.
func (c *candidate) lifted() string {
	if c.purchase.Override == Allow {
		return ", but an override allows it"
	}
	return ""
}
