package terms

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// FromPolicy returns the terms that a policy's spec declares. Its error lists, on one line,
// what can never work, each with the path of its field; of many it lists the first ten.
func FromPolicy(spec *v1alpha1.RewardPolicySpec) (reward.Terms, error) {
	var p problems
	at := field.NewPath("spec")
	terms := reward.Terms{
		Purchases:      reward.PurchaseScope(spec.Qualification.Purchases),
		BeforeSignup:   reward.DefaultBeforeSignup,
		MinimumAmounts: p.amounts(at.Child("qualification", "minimumAmounts"), spec.Qualification.MinimumAmounts),
		Condition:      p.condition(spec.Qualification.Condition),
	}
	if within := spec.Qualification.WithinSignup; within != nil {
		terms.WithinSignup = within.Duration
	}
	if before := spec.Qualification.BeforeSignup; before != nil {
		terms.BeforeSignup = before.Duration
	}
	if hold := spec.HoldPeriod; hold != nil {
		terms.HoldPeriod = hold.Duration
	}
	if limits := spec.Limits; limits != nil {
		terms.Limits.PairsPerReferrer = limits.PairsPerReferrer
	}
	for i := range spec.Rewards {
		terms.Rewards = append(terms.Rewards, p.reward(at.Child("rewards").Key(spec.Rewards[i].Name), &spec.Rewards[i]))
	}
	slices.SortFunc(terms.Rewards, func(a, b reward.Reward) int { return strings.Compare(a.Name, b.Name) })
	p.currencies(at, spec)
	if err := p.err(); err != nil {
		return reward.Terms{}, err
	}
	return terms, nil
}

// problems collects errors, so that one message is enough to correct a spec.
type problems []string

func (p *problems) add(at *field.Path, err error) {
	*p = append(*p, fmt.Sprintf("%s: %v", at, err))
}

// err returns an error that lists the problems; nil: there is none.
func (p problems) err() error {
	const most = 10
	if len(p) == 0 {
		return nil
	}
	listed := strings.Join(p[:min(len(p), most)], "; ")
	if more := len(p) - most; more > 0 {
		listed += fmt.Sprintf("; and %d more", more)
	}
	return errors.New(listed)
}

func (p *problems) reward(at *field.Path, from *v1alpha1.Reward) reward.Reward {
	to := reward.Reward{Name: from.Name, Beneficiary: reward.Beneficiary(from.Beneficiary)}
	if from.Fixed != nil {
		to.Fixed = &reward.Money{
			Amount:   p.amount(at.Child("fixed"), *from.Fixed),
			Currency: from.Fixed.Currency,
		}
	}
	if from.Percentage != nil {
		at := at.Child("percentage")
		rate, err := reward.ParseRate(from.Percentage.Rate)
		if err != nil {
			p.add(at.Child("rate"), err)
		}
		to.Percentage = &reward.Percentage{
			Rate:           rate,
			MaximumAmounts: p.amounts(at.Child("maximumAmounts"), from.Percentage.MaximumAmounts),
		}
	}
	for _, tier := range from.Tiers {
		at := at.Child("tiers").Key(strconv.FormatInt(tier.FromPair, 10)).Child("fixed")
		to.Tiers = append(to.Tiers, reward.Tier{
			FromPair: tier.FromPair,
			Fixed:    reward.Money{Amount: p.amount(at, tier.Fixed), Currency: tier.Fixed.Currency},
		})
	}
	return to
}

// amounts returns minor units by currency; nil for an empty list, which means no limit and not a
// limit of zero.
func (p *problems) amounts(at *field.Path, list []v1alpha1.Money) map[string]int64 {
	if len(list) == 0 {
		return nil
	}
	minor := make(map[string]int64, len(list))
	for _, money := range list {
		minor[money.Currency] = p.amount(at.Key(money.Currency), money)
	}
	return minor
}

func (p *problems) amount(at *field.Path, money v1alpha1.Money) int64 {
	// An amount of 1 is refused only for an unknown currency.
	if _, err := reward.ParseAmount("1", money.Currency); err != nil {
		p.add(at.Child("currency"), err)
		return 0
	}
	minor, err := reward.ParseAmount(money.Amount, money.Currency)
	if err != nil {
		p.add(at.Child("amount"), err)
	}
	return minor
}

// currencies refuses lists without a common currency. A purchase counts only in a currency of every
// list, so no purchase could ever count.
func (p *problems) currencies(at *field.Path, spec *v1alpha1.RewardPolicySpec) {
	left := currenciesOf(spec.Qualification.MinimumAmounts)
	by := at.Child("qualification", "minimumAmounts")
	for _, r := range spec.Rewards {
		if r.Percentage == nil || len(r.Percentage.MaximumAmounts) == 0 {
			continue
		}
		maximums := currenciesOf(r.Percentage.MaximumAmounts)
		here := at.Child("rewards").Key(r.Name).Child("percentage", "maximumAmounts")
		if left == nil {
			left, by = maximums, here
			continue
		}
		common := slices.DeleteFunc(slices.Clone(left), func(c string) bool { return !slices.Contains(maximums, c) })
		if len(common) == 0 {
			p.add(here, fmt.Errorf("lists no currency that %s allows (%s), so no purchase could ever count: add one of them",
				by, strings.Join(left, ", ")))
			return
		}
		left, by = common, here
	}
}

func currenciesOf(list []v1alpha1.Money) []string {
	var codes []string
	for _, money := range list {
		codes = append(codes, money.Currency)
	}
	return codes
}
