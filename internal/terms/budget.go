package terms

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/reward"
)

var budgetPath = field.NewPath("spec", "budget")

// Budget returns the budget that a campaign's spec declares; nil: it declares none. The error of a
// budget that can never work has the path of the field.
func Budget(spec *v1alpha1.ReferralCampaignSpec) (*reward.Money, error) {
	if spec.Budget == nil {
		return nil, nil
	}
	var p problems
	budget := reward.Money{Amount: p.amount(budgetPath, *spec.Budget), Currency: spec.Budget.Currency}
	if err := p.err(); err != nil {
		return nil, err
	}
	return &budget, nil
}

// CheckBudget refuses a budget in a currency that some reward of the policy can never have. A pair
// counts only if all its rewards are in the budget's currency, so no pair could ever count. The
// error has the paths of both fields, the campaign's and the policy's.
func CheckBudget(budget *reward.Money, policy string, terms *reward.Terms) error {
	if budget == nil {
		return nil
	}
	for i := range terms.Rewards {
		r := &terms.Rewards[i]
		for _, can := range allowed(r, terms) {
			if !slices.Contains(can.currencies, budget.Currency) {
				return fmt.Errorf("%s: reward %q of RewardPolicy %s is never paid in %s (%s: %s), so no pair could "+
					"ever count: set the budget in the currency of all rewards, or follow another policy",
					budgetPath.Child("currency"), r.Name, policy, budget.Currency, can.by, strings.Join(can.currencies, ", "))
			}
		}
	}
	return nil
}

// only is a field of a policy that restricts a reward to these currencies.
type only struct {
	by         *field.Path
	currencies []string
}

// allowed returns the fields that restrict the currencies of a reward. A percentage is in the
// currency of its purchase.
func allowed(r *reward.Reward, terms *reward.Terms) []only {
	at := field.NewPath("spec", "rewards").Key(r.Name)
	switch {
	case r.Fixed != nil:
		return []only{{at.Child("fixed", "currency"), []string{r.Fixed.Currency}}}
	case len(r.Tiers) > 0:
		return []only{{at.Child("tiers"), []string{r.Tiers[0].Fixed.Currency}}}
	}
	var lists []only
	if len(terms.MinimumAmounts) > 0 {
		by := field.NewPath("spec", "qualification", "minimumAmounts")
		lists = append(lists, only{by, slices.Sorted(maps.Keys(terms.MinimumAmounts))})
	}
	if r.Percentage != nil && len(r.Percentage.MaximumAmounts) > 0 {
		by := at.Child("percentage", "maximumAmounts")
		lists = append(lists, only{by, slices.Sorted(maps.Keys(r.Percentage.MaximumAmounts))})
	}
	return lists
}
