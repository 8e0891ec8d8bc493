package reward

import "time"

// Terms are what a RewardPolicy says, normalised: amounts in minor units, rates without trailing
// zeros, rewards by name. A revision records their JSON, and Digest hashes it, so a field that is
// added later must be omitted from the JSON while it has the meaning of its absence.
type Terms struct {
	Purchases      PurchaseScope    `json:"purchases"`
	MinimumAmounts map[string]int64 `json:"minimumAmounts,omitempty"` // by currency, minor units
	WithinSignup   time.Duration    `json:"withinSignup,omitempty"`   // zero: any time after signup
	BeforeSignup   time.Duration    `json:"beforeSignup,omitempty"`   // before a signup by code; zero: recorded without it
	Condition      string           `json:"condition,omitempty"`      // CEL; empty: none
	HoldPeriod     time.Duration    `json:"holdPeriod,omitempty"`     // zero: none
	Rewards        []Reward         `json:"rewards"`
	Limits         Limits           `json:"-"` // the campaign's: part of no revision and no digest
}

// DefaultBeforeSignup is the BeforeSignup of a policy without the field. Revisions that were
// recorded before the field existed have 0.
const DefaultBeforeSignup = time.Hour

// Limits bound admissions. They are never pinned to a pair: the campaign has the newest ones, and
// they apply to all admissions.
type Limits struct {
	PairsPerReferrer int64 // Held or Granted at a time; zero: no limit
}

// PurchaseScope says which purchases of a referee earn.
type PurchaseScope string

const (
	FirstPurchase PurchaseScope = "First" // one purchase per referee
	EveryPurchase PurchaseScope = "Every" // each one
)

// Reward is one reward of a pair. Exactly one of Fixed, Percentage and Tiers is set.
type Reward struct {
	Name        string      `json:"name"`
	Beneficiary Beneficiary `json:"beneficiary"`
	Fixed       *Money      `json:"fixed,omitempty"`
	Percentage  *Percentage `json:"percentage,omitempty"`
	Tiers       []Tier      `json:"tiers,omitempty"` // by FromPair; the first has FromPair 1
}

// Tier is what a pair earns from the FromPair-th pair of its referrer in the campaign on.
type Tier struct {
	FromPair int64 `json:"fromPair"`
	Fixed    Money `json:"fixed"`
}

// Beneficiary says which person receives a reward.
type Beneficiary string

const (
	ToReferrer Beneficiary = "Referrer"
	ToReferee  Beneficiary = "Referee"
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
