package reward

import (
	"errors"
	"fmt"
)

// tierOf returns the index of the tier of a referrer's n-th pair.
func tierOf(tiers []Tier, n int64) int {
	at := 0
	for i := range tiers {
		if tiers[i].FromPair <= n {
			at = i
		}
	}
	return at
}

// validTiers returns an error unless the tiers begin with the first pair, ascend and have one
// currency.
func validTiers(tiers []Tier) error {
	if tiers[0].FromPair != 1 {
		return fmt.Errorf("the first tier is from pair %d: must be from pair 1", tiers[0].FromPair)
	}
	for i := range tiers {
		if err := inRange(tiers[i].Fixed.Amount); err != nil {
			return err
		}
		if tiers[i].Fixed.Currency != tiers[0].Fixed.Currency {
			return errors.New("tiers must be in one currency")
		}
	}
	for i := range tiers[1:] {
		if tiers[i+1].FromPair <= tiers[i].FromPair {
			return errors.New("tiers must ascend")
		}
	}
	return nil
}
