package reward

import (
	"fmt"
	"iter"
	"unicode/utf8"
)

// The most that the terms of any policy have, as the schema of RewardPolicy limits its fields. What
// one decision takes in memory and time follows from them.
const (
	MostRewards         = 8
	MostTiers           = 32 // of one reward
	MostAmounts         = 32 // of one list
	MostNameLength      = 63 // characters of a reward's name
	MostConditionLength = maxConditionLength
)

// CheckSize returns an error if the terms are larger than those of any policy. Recorded terms are
// the database's, whose owner can write anything.
func (t *Terms) CheckSize() error {
	if err := atMostOf(len(t.MinimumAmounts), MostAmounts, "minimum amounts"); err != nil {
		return err
	}
	if err := atMostOf(utf8.RuneCountInString(t.Condition), MostConditionLength, "characters of a condition"); err != nil {
		return err
	}
	if err := atMostOf(len(t.Rewards), MostRewards, "rewards"); err != nil {
		return err
	}
	for i := range t.Rewards {
		r := &t.Rewards[i]
		if err := atMostOf(utf8.RuneCountInString(r.Name), MostNameLength, "characters of a reward's name"); err != nil {
			return err
		}
		if err := atMostOf(len(r.Tiers), MostTiers, "tiers of a reward"); err != nil {
			return err
		}
		if r.Percentage == nil {
			continue
		}
		if err := atMostOf(len(r.Percentage.MaximumAmounts), MostAmounts, "maximum amounts of a reward"); err != nil {
			return err
		}
	}
	return nil
}

func atMostOf(n, most int, of string) error {
	if n > most {
		return fmt.Errorf("%d %s are more than the %d that a policy may have", n, of, most)
	}
	return nil
}

// Currencies returns every currency that the terms name.
func (t *Terms) Currencies() iter.Seq[string] {
	return func(yield func(string) bool) {
		for currency := range t.MinimumAmounts {
			if !yield(currency) {
				return
			}
		}
		for i := range t.Rewards {
			for currency := range t.Rewards[i].currencies() {
				if !yield(currency) {
					return
				}
			}
		}
	}
}

func (r *Reward) currencies() iter.Seq[string] {
	return func(yield func(string) bool) {
		if r.Fixed != nil && !yield(r.Fixed.Currency) {
			return
		}
		for i := range r.Tiers {
			if !yield(r.Tiers[i].Fixed.Currency) {
				return
			}
		}
		if r.Percentage == nil {
			return
		}
		for currency := range r.Percentage.MaximumAmounts {
			if !yield(currency) {
				return
			}
		}
	}
}
