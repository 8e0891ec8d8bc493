package reward

import "math/big"

// Effects is how much a plan moves in one currency, in minor units; FormatSum formats them. What
// pairs gain and what pairs lose are added up apart, so that one does not hide the other. No sum is
// nil or below zero.
type Effects struct {
	Currency    string
	GrantedUp   *big.Int // added to the ledger
	GrantedDown *big.Int // taken from the ledger
	HeldUp      *big.Int // added to held credit
	HeldDown    *big.Int // taken from held credit, also because it is granted
}

// Forward is what the pairs of the last 30 days earn in one currency, in minor units, whatever the
// scope of the edit: Held and Granted alike.
type Forward struct {
	Currency string
	InForce  *big.Int // under the terms in force
	Proposed *big.Int // under the proposed terms
}

// PlanPairs counts pairs by what a plan does with them. A pair that changes is counted by the state
// that it gets.
type PlanPairs struct {
	Granted, Reversed, Held, Waiting int64
	Unchanged                        int64
}

// ReasonCount is the number of pairs that do not earn under a plan, for one reason.
type ReasonCount struct {
	Reason Reason
	Pairs  int64
}

// Difference is how much a plan changes what one beneficiary earns in one currency, Held and
// Granted alike.
type Difference struct {
	BeneficiaryID string
	Currency      string
	Change        *big.Int // minor units, not zero
}
