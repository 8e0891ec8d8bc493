package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RewardPolicy declares which purchases of a referee qualify, and what a qualifying purchase earns
// the referrer and the referee.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=rpol,categories=referral
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=".status.conditions[?(@.type==\"Ready\")].status"
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.conditions[?(@.type==\"Ready\")].reason"
// +kubebuilder:printcolumn:name="Campaigns",type="integer",JSONPath=".status.campaigns"
// +kubebuilder:printcolumn:name="Scope",type="string",priority=1,JSONPath=".spec.revisionScope"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type RewardPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec RewardPolicySpec `json:"spec"`

	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status RewardPolicyStatus `json:"status,omitempty"`
}

// RewardPolicyList is a list of RewardPolicies.
//
// +kubebuilder:object:root=true
type RewardPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []RewardPolicy `json:"items"`
}

// RewardPolicySpec is the terms of the policy.
type RewardPolicySpec struct {
	// qualification is which purchases count.
	//
	// +optional
	// +kubebuilder:default={}
	Qualification Qualification `json:"qualification,omitempty"`

	// holdPeriod is how long after its time of purchase a counting pair waits before its credit is
	// granted: the refund window. Unset: none.
	//
	// +optional
	HoldPeriod *Duration `json:"holdPeriod,omitempty"`

	// rewards are what one pair earns. All of them are granted together.
	//
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Rewards []Reward `json:"rewards"`

	// limits bound which pairs are admitted. The limits of the newest edit hold for all pairs,
	// whatever its scope. Admitted pairs stay admitted when limits are lowered.
	//
	// +optional
	Limits *Limits `json:"limits,omitempty"`

	// revisionScope is which pairs an edit of this policy reaches. NewPairs: pairs whose signup or
	// purchase arrives after the edit; earlier pairs keep the terms they arrived under. HeldPairs:
	// also waiting and held pairs. AllPairs: all pairs, so that granted credit changes as well. The
	// scope at the time of the edit applies.
	//
	// +optional
	// +kubebuilder:default=NewPairs
	RevisionScope RevisionScope `json:"revisionScope,omitempty"`
}

// Qualification is which purchases of a referee count.
type Qualification struct {
	// purchases is how many purchases of one referee count. First: one. Every: each.
	//
	// +optional
	// +kubebuilder:default=First
	Purchases Purchases `json:"purchases,omitempty"`

	// minimumAmounts is the least net amount (after refunds) that counts, per currency. Purchases
	// in a currency that is not listed do not count. Empty: any amount above zero in any currency.
	//
	// +optional
	// +listType=map
	// +listMapKey=currency
	// +kubebuilder:validation:MaxItems=32
	MinimumAmounts []Money `json:"minimumAmounts,omitempty"`

	// withinSignup is how long after the signup a purchase still counts. Unset: any time.
	//
	// +optional
	WithinSignup *Duration `json:"withinSignup,omitempty"`

	// beforeSignup is how long before the signup a purchase still counts where the signup's code
	// was typed: an account made in the checkout comes after its order. Purchases of a signup by
	// touch count from the touch on. A campaign that has followed this policy since before the
	// field existed goes on without it, under the default too, until an edit of the policy adds a
	// revision.
	//
	// +optional
	// +kubebuilder:default="1h"
	BeforeSignup *Duration `json:"beforeSignup,omitempty"`

	// condition is an expression in the Common Expression Language (CEL) that must be true for a
	// purchase to count, such as "link.label != 'press'". It knows purchase, signup and link. A
	// purchase for which it fails does not count.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:XValidation:rule="!self.matches('[\\x00]')",message="must not contain the character NUL"
	Condition string `json:"condition,omitempty"`
}

// Limits bound which pairs are admitted.
type Limits struct {
	// pairsPerReferrer is how many pairs of one referrer may be held or granted at a time in one
	// campaign. Further ones wait. Unset: any number.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	PairsPerReferrer int64 `json:"pairsPerReferrer,omitempty"`
}

// Purchases is how many purchases of one referee count.
//
// +kubebuilder:validation:Enum=First;Every
type Purchases string

const (
	// FirstPurchase counts one purchase per referee: the earliest that qualifies.
	FirstPurchase Purchases = "First"
	// EveryPurchase counts each purchase that qualifies.
	EveryPurchase Purchases = "Every"
)

// RevisionScope is which pairs an edit of a policy reaches.
//
// +kubebuilder:validation:Enum=NewPairs;HeldPairs;AllPairs
type RevisionScope string

const (
	// NewPairs reaches only pairs whose facts arrive after the edit.
	NewPairs RevisionScope = "NewPairs"
	// HeldPairs also reaches waiting pairs, and pairs whose hold ends after the edit.
	HeldPairs RevisionScope = "HeldPairs"
	// AllPairs reaches every pair.
	AllPairs RevisionScope = "AllPairs"
)

// Reward is one credit that a pair earns.
//
// +kubebuilder:validation:XValidation:rule="[has(self.fixed), has(self.percentage), has(self.tiers)].exists_one(is, is)",message="exactly one of fixed, percentage and tiers must be set"
type Reward struct {
	// name identifies the reward within its policy. It is part of each ledger entry: another name
	// is another reward.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be lower-case letters, digits and '-', beginning and ending with a letter or digit"
	Name string `json:"name"`

	// beneficiary is the person who gets the credit: the Referrer, who invited, or the Referee, who
	// was invited.
	//
	// +required
	Beneficiary Beneficiary `json:"beneficiary"`

	// fixed is an amount that does not depend on the purchase.
	//
	// +optional
	Fixed *Money `json:"fixed,omitempty"`

	// percentage is a share of the net purchase, in the purchase's currency.
	//
	// +optional
	Percentage *Percentage `json:"percentage,omitempty"`

	// tiers are amounts that depend on how many pairs the referrer has in the campaign when a pair
	// is admitted. The pair earns the last tier that its number has reached, and keeps that tier.
	//
	// +optional
	// +listType=map
	// +listMapKey=fromPair
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="size(self) == 0 || self.exists(tier, tier.fromPair == 1)",message="the first tier must have fromPair: 1, so that each pair has a tier"
	// +kubebuilder:validation:XValidation:rule="self.map(tier, tier.fromPair).isSorted()",message="tiers must be in the order of fromPair, the lowest first"
	// +kubebuilder:validation:XValidation:rule="size(self) == 0 || self.all(tier, tier.fixed.currency == self[0].fixed.currency)",message="all tiers of a reward must be in the same currency"
	Tiers []Tier `json:"tiers,omitempty"`
}

// Tier is what a pair earns from a certain pair of its referrer on.
type Tier struct {
	// fromPair is the number, counted from 1, of the referrer's first pair in the campaign that
	// earns this.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	FromPair int64 `json:"fromPair"`

	// fixed is what a pair of this tier earns.
	//
	// +required
	Fixed Money `json:"fixed"`
}

// Beneficiary is one of the two people of a pair.
//
// +kubebuilder:validation:Enum=Referrer;Referee
type Beneficiary string

const (
	// Referrer is the person who invited.
	Referrer Beneficiary = "Referrer"
	// Referee is the person who was invited.
	Referee Beneficiary = "Referee"
)

// Percentage is a share of what the referee paid, less what was refunded, rounded half-up to the
// minor unit.
type Percentage struct {
	// rate in percent, as a string: "10" or "2.5". Above 0, at most 100, at most 4 decimals.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^(100([.]0{1,4})?|[1-9]?[0-9]([.][0-9]{1,4})?)$`
	// +kubebuilder:validation:XValidation:rule="self.matches('^(100([.]0{1,4})?|[1-9]?[0-9]([.][0-9]{1,4})?)$') && self.matches('[1-9]')",message="must be a plain decimal number above 0 and at most 100 with at most 4 decimals, such as 10 or 2.5"
	Rate string `json:"rate"`

	// maximumAmounts is the most that the reward can be, per currency. Purchases in a currency that
	// is not listed do not count. Empty: no maximum, any currency.
	//
	// +optional
	// +listType=map
	// +listMapKey=currency
	// +kubebuilder:validation:MaxItems=32
	MaximumAmounts []Money `json:"maximumAmounts,omitempty"`
}

// RewardPolicyStatus is what has come of the policy.
type RewardPolicyStatus struct {
	// observedGeneration is the newest generation of the spec that has been validated; -1 until
	// then. It is in force once Ready is True.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// digest identifies the normalised terms: two policies that mean the same have the same digest.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Digest string `json:"digest,omitempty"`

	// campaigns is how many ReferralCampaigns of the namespace refer to this policy.
	//
	// +optional
	Campaigns int64 `json:"campaigns"`

	// conditions: Ready always; Reconciling and Stalled only while true.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:01Z') && c.lastTransitionTime <= timestamp('9999-12-31T23:59:59Z'))",message="each lastTransitionTime must be a time from the years 1 to 9999, such as 2026-11-01T00:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// GetConditions returns the conditions of the status.
func (p *RewardPolicy) GetConditions() []metav1.Condition { return p.Status.Conditions }

// SetConditions replaces the conditions of the status.
func (p *RewardPolicy) SetConditions(conditions []metav1.Condition) {
	p.Status.Conditions = conditions
}

// GetObservedGeneration returns the newest generation that has been validated; -1: none.
func (p *RewardPolicy) GetObservedGeneration() int64 { return p.Status.ObservedGeneration }

// SetObservedGeneration sets the newest generation that has been validated.
func (p *RewardPolicy) SetObservedGeneration(generation int64) {
	p.Status.ObservedGeneration = generation
}
