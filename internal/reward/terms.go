package reward

import "time"

// Terms are what a RewardPolicy says, normalised: amounts in minor units, rates
// without trailing zeros, rewards by name. Their JSON is what a revision
// records and what Digest is taken from, so a field added later must be
// omitted from it while it has the value that it had before it existed.
type Terms struct {
	Purchases      PurchaseScope    `json:"purchases"`
	MinimumAmounts map[string]int64 `json:"minimumAmounts,omitempty"` // by currency, minor units
	WithinSignup   time.Duration    `json:"withinSignup,omitempty"`   // zero: any time after signup
	BeforeSignup   time.Duration    `json:"beforeSignup,omitempty"`   // before a signup by code; zero: recorded without it
	Condition      string           `json:"condition,omitempty"`      // CEL; empty: none
	HoldPeriod     time.Duration    `json:"holdPeriod,omitempty"`     // zero: none
	Rewards        []Reward         `json:"rewards"`
	Limits         Limits           `json:"limits,omitzero"`
}

// DefaultBeforeSignup is the BeforeSignup of a policy that does not say. Revisions
// that were recorded before the field existed have none.
const DefaultBeforeSignup = time.Hour

// Limits bound what is admitted. They are never pinned to a pair: those of the
// newest revision decide, about admissions only.
type Limits struct {
	PairsPerReferrer int64 `json:"pairsPerReferrer,omitempty"` // held or granted at a time; zero: no limit
}

// PurchaseScope says which of a referee's purchases earn.
type PurchaseScope string

const (
	FirstPurchase PurchaseScope = "First" // one purchase per referee
	EveryPurchase PurchaseScope = "Every" // each one
)

// Reward is one thing that a pair earns somebody: one of Fixed, Percentage and Tiers.
type Reward struct {
	Name        string      `json:"name"`
	Beneficiary Beneficiary `json:"beneficiary"`
	Fixed       *Money      `json:"fixed,omitempty"`
	Percentage  *Percentage `json:"percentage,omitempty"`
	Tiers       []Tier      `json:"tiers,omitempty"` // by FromPair, the first of which is 1
}

// Tier is what a pair earns from the n-th of its referrer in the campaign on.
type Tier struct {
	FromPair int64 `json:"fromPair"`
	Fixed    Money `json:"fixed"`
}

// Beneficiary says whom a reward is for.
type Beneficiary string

const (
	ToReferrer Beneficiary = "Referrer" // who invited
	ToReferee  Beneficiary = "Referee"  // who was invited
)

// Money is an amount in minor units of an ISO 4217 currency.
type Money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// Percentage is a share of a purchase's net amount, in its currency.
type Percentage struct {
	Rate           string           `json:"rate"`                     // per cent, a normalised decimal: "10", "2.5"
	MaximumAmounts map[string]int64 `json:"maximumAmounts,omitempty"` // by currency, minor units
}
