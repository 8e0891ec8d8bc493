package reward

// Effects is how much a plan moves in one currency, in minor units. What pairs gain and what pairs
// lose are added up apart, so that one does not hide the other.
type Effects struct {
	Currency    string
	GrantedUp   int64 // added to the ledger
	GrantedDown int64 // taken from the ledger; not below zero
	HeldUp      int64 // added to held credit
	HeldDown    int64 // taken from held credit, or no longer held because it is granted; not below zero
}

// Forward is what the pairs of the last 30 days earn in one currency, in minor units, whatever the
// scope of the edit: Held and Granted alike.
type Forward struct {
	Currency string
	InForce  int64 // under the terms in force
	Proposed int64 // under the proposed terms
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
	Change        int64 // minor units, not zero
}
