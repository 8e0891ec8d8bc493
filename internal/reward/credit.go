package reward

import (
	"errors"
	"fmt"
)

// credits returns what each reward earns for a purchase that counts, as the referrer's pair of that
// ordinal. A reward that rounds to 0 is left out.
func (c *candidate) credits(ordinal int64) ([]Credit, error) {
	rewards := c.revision.Terms.Rewards
	credits := make([]Credit, 0, len(rewards))
	for i := range rewards {
		reward := &rewards[i]
		credit, err := c.credit(reward, ordinal)
		if err == nil && hasName(rewards[:i], reward.Name) {
			err = errors.New("another reward has the same name")
		}
		if err != nil {
			return nil, fmt.Errorf("while computing reward %q of campaign %q, revision %d: %w",
				reward.Name, c.campaignName(), c.revision.Number, err)
		}
		if credit.Amount > 0 {
			credits = append(credits, credit)
		}
	}
	return credits, nil
}

func (c *candidate) credit(reward *Reward, ordinal int64) (Credit, error) {
	credit := Credit{Reward: reward.Name}
	switch reward.Beneficiary {
	case ToReferrer:
		credit.BeneficiaryID = c.attribution.ReferrerID
	case ToReferee:
		credit.BeneficiaryID = c.referee.UserID
	default:
		return Credit{}, fmt.Errorf("beneficiary is %q: must be Referrer or Referee", reward.Beneficiary)
	}
	switch fixed, share, tiers := reward.Fixed != nil, reward.Percentage != nil, len(reward.Tiers) > 0; {
	case fixed && !share && !tiers:
		credit.Money = *reward.Fixed
		return credit, inRange(credit.Amount)
	case tiers && !fixed && !share:
		credit.Money = reward.Tiers[tierOf(reward.Tiers, ordinal)].Fixed
		return credit, validTiers(reward.Tiers)
	case !share || fixed || tiers:
		return Credit{}, errors.New("must have one of fixed, percentage and tiers")
	}
	amount, err := percentageOf(c.net, reward.Percentage.Rate)
	if err != nil {
		return Credit{}, err
	}
	credit.Money = Money{Amount: amount, Currency: c.purchase.Currency}
	if maximum, capped := reward.Percentage.MaximumAmounts[c.purchase.Currency]; capped {
		credit.Amount = min(credit.Amount, maximum)
		return credit, inRange(maximum)
	}
	return credit, nil
}

func inRange(amount int64) error {
	if amount <= 0 {
		return fmt.Errorf("amount %d is not above zero", amount)
	}
	return nil
}

func hasName(rewards []Reward, name string) bool {
	for i := range rewards {
		if rewards[i].Name == name {
			return true
		}
	}
	return false
}
