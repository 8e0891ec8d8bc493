package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RewardPlan asks what an edit would pay before it is made. The operator decides the campaign's
// pairs under the proposed specs, writes nothing to the database, and reports the sums in the
// plan's status. People and pipelines create plans; a plan is deleted some time after it finished.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=rplan,categories=referral
// +kubebuilder:printcolumn:name="Campaign",type="string",JSONPath=".spec.campaignRef.name"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=".status.conditions[?(@.type==\"Ready\")].status"
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.conditions[?(@.type==\"Ready\")].reason"
// +kubebuilder:printcolumn:name="Grant",type="string",JSONPath=".status.grant"
// +kubebuilder:printcolumn:name="Reverse",type="string",JSONPath=".status.reverse"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type RewardPlan struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec RewardPlanSpec `json:"spec"`

	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status RewardPlanStatus `json:"status,omitempty"`
}

// RewardPlanList is a list of RewardPlans.
//
// +kubebuilder:object:root=true
type RewardPlanList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []RewardPlan `json:"items"`
}

// RewardPlanSpec is the question that a plan answers.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a plan is immutable; create another"
type RewardPlanSpec struct {
	// campaignRef names the ReferralCampaign that the plan is about. It need not exist if
	// proposed.campaign is set: the plan then says what creating it would do.
	//
	// +required
	CampaignRef ObjectReference `json:"campaignRef"`

	// proposed is the edit. Unset: none, and the plan says what deciding every pair again would
	// move, which is nothing unless there is drift or changes are not decided yet.
	//
	// +optional
	Proposed *ProposedEdit `json:"proposed,omitempty"`

	// detail is what the plan reports beside sums. None: nothing, so that no id shows. Largest: the
	// ten beneficiaries whose credit changes most, by their ids.
	//
	// +optional
	// +kubebuilder:default=None
	Detail PlanDetail `json:"detail,omitempty"`

	// ttl is how long the plan is kept after it finished. At most 24h.
	//
	// +optional
	// +kubebuilder:default="1h"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}h)?([0-9]{1,8}m)?([0-9]{1,9}s)?$') || size(self) == 0 || duration(self) <= duration('24h')",message="must be at most 24h, such as 1h or 30m"
	TTL *Duration `json:"ttl,omitempty"`
}

// ProposedEdit is an edit of the campaign, of its policy, or of both at once; or the deletion of
// the campaign. What it leaves out is as it is now.
//
// +kubebuilder:validation:XValidation:rule="has(self.delete) && self.delete ? !has(self.policy) && !has(self.campaign) : has(self.policy) || has(self.campaign)",message="must have policy, campaign or both, or delete: true alone; leave proposed out to plan without an edit"
type ProposedEdit struct {
	// policy is the whole new spec of the RewardPolicy that the campaign refers to. That policy
	// need not exist.
	//
	// +optional
	Policy *RewardPolicySpec `json:"policy,omitempty"`

	// campaign is the whole new spec of the ReferralCampaign.
	//
	// +optional
	Campaign *ReferralCampaignSpec `json:"campaign,omitempty"`

	// delete is the deletion of the campaign with deletionPolicy Reverse, whatever its
	// deletionPolicy is now.
	//
	// +optional
	Delete bool `json:"delete,omitempty"`
}

// PlanDetail is what a plan reports beside sums.
//
// +kubebuilder:validation:Enum=None;Largest
type PlanDetail string

const (
	// NoDetail reports sums alone.
	NoDetail PlanDetail = "None"
	// LargestDetail also names the beneficiaries whose credit changes most.
	LargestDetail PlanDetail = "Largest"
)

// Most that a plan's status lists.
const (
	// MaxPlanCurrencies is the most currencies that a plan lists.
	MaxPlanCurrencies = 32
	// MaxPlanDifferences is the most beneficiaries that a plan names.
	MaxPlanDifferences = 10
)

// RewardPlanStatus is the answer. All amounts are decimal strings.
type RewardPlanStatus struct {
	// observedGeneration is the generation of the spec once the plan has finished, done or failed;
	// -1 before.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// progress is how far the plan has come. It is written every few seconds.
	//
	// +optional
	Progress *PlanProgress `json:"progress,omitempty"`

	// grant is what the edit adds to granted credit, for people: "18240.00 USD". The budget's
	// currency comes first, and at most 32 currencies are listed.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Grant string `json:"grant,omitempty"`

	// reverse is what the edit takes from granted credit, for people: "0.00 USD".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Reverse string `json:"reverse,omitempty"`

	// from is when the plan began to read. Each pair is planned as it was at one moment between
	// from and to.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	From *metav1.Time `json:"from,omitempty"`

	// to is when the plan had read everything.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	To *metav1.Time `json:"to,omitempty"`

	// stepDigest identifies the edit together with the revision that it starts from.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	StepDigest string `json:"stepDigest,omitempty"`

	// effects are what the edit moves, per currency, with what changes that are not decided yet move.
	//
	// +optional
	// +listType=map
	// +listMapKey=currency
	// +kubebuilder:validation:MaxItems=32
	Effects []PlanEffect `json:"effects,omitempty"`

	// forward is what the pairs that arrived in the last 30 days earn, per currency, whichever of
	// them the edit reaches. It shows what future pairs may cost.
	//
	// +optional
	// +listType=map
	// +listMapKey=currency
	// +kubebuilder:validation:MaxItems=32
	Forward []PlanForward `json:"forward,omitempty"`

	// pairs counts the campaign's pairs by what the edit does with them.
	//
	// +optional
	Pairs *PlannedPairs `json:"pairs,omitempty"`

	// reasons count the pairs that earn nothing under the edit, by the reason.
	//
	// +optional
	// +listType=map
	// +listMapKey=reason
	// +kubebuilder:validation:MaxItems=32
	Reasons []PlannedReason `json:"reasons,omitempty"`

	// largest are the ten beneficiaries whose credit changes most, with detail Largest only.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Largest []PlannedDifference `json:"largest,omitempty"`

	// estimate is true if the effects may differ from the plan, because they depend on the order in
	// which pairs are decided: such as if the budget does not suffice for all pairs. It is also true
	// while a rollout of the campaign is not over. No budget is exceeded.
	//
	// +optional
	Estimate bool `json:"estimate"`

	// conditions: Ready always; Reconciling until the plan has finished; Stalled if it failed.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:01Z') && c.lastTransitionTime <= timestamp('9999-12-31T23:59:59Z'))",message="each lastTransitionTime must be a time from the years 1 to 9999, such as 2026-11-01T00:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// PlanProgress is how far a plan has come.
type PlanProgress struct {
	// decided is how many referees have been decided under the proposed specs.
	//
	// +optional
	Decided int64 `json:"decided"`

	// total is about how many referees there are.
	//
	// +optional
	Total int64 `json:"total"`
}

// PlanEffect is what an edit moves in one currency.
type PlanEffect struct {
	// currency is the ISO 4217 code.
	//
	// +required
	// +kubebuilder:validation:MaxLength=3
	Currency string `json:"currency"`

	// granted is what is added to the ledger and taken from it.
	//
	// +optional
	Granted PlanMovement `json:"granted"`

	// held is what is added to held credit and taken from it.
	//
	// +optional
	Held PlanMovement `json:"held"`
}

// PlanMovement is what pairs gain, and what other pairs lose. Neither hides the other.
type PlanMovement struct {
	// up is the sum of all increases.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Up string `json:"up"`

	// down is the sum of all decreases, without a sign.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Down string `json:"down"`
}

// PlanForward is what recent pairs earn in one currency.
type PlanForward struct {
	// currency is the ISO 4217 code.
	//
	// +required
	// +kubebuilder:validation:MaxLength=3
	Currency string `json:"currency"`

	// last30Days is what the pairs earn that arrived in the last 30 days.
	//
	// +optional
	Last30Days PlanComparison `json:"last30Days"`
}

// PlanComparison compares the terms in force with the proposed ones.
type PlanComparison struct {
	// inForce is the sum under the terms in force.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	InForce string `json:"inForce"`

	// proposed is the sum under the proposed terms.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Proposed string `json:"proposed"`
}

// PlannedPairs counts pairs. A pair that the edit changes is counted by the state that it gets.
type PlannedPairs struct {
	// granted is how many pairs change and are granted then.
	//
	// +optional
	Granted int64 `json:"granted"`

	// reversed is how many pairs are reversed.
	//
	// +optional
	Reversed int64 `json:"reversed"`

	// held is how many pairs change and are held then.
	//
	// +optional
	Held int64 `json:"held"`

	// waiting is how many pairs change and wait for capacity then.
	//
	// +optional
	Waiting int64 `json:"waiting"`

	// unchanged is how many pairs stay as they are.
	//
	// +optional
	Unchanged int64 `json:"unchanged"`
}

// PlannedReason counts pairs that earn nothing for one reason.
type PlannedReason struct {
	// reason is one of those that table pair lists, such as BelowMinimum.
	//
	// +required
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason"`

	// pairs is how many pairs earn nothing for this reason.
	//
	// +optional
	Pairs int64 `json:"pairs"`
}

// PlannedDifference is how much the credit of one beneficiary changes in one currency.
type PlannedDifference struct {
	// beneficiaryID is the application's id of the person.
	//
	// +required
	// +kubebuilder:validation:MaxLength=255
	BeneficiaryID string `json:"beneficiaryID"`

	// currency is the ISO 4217 code.
	//
	// +required
	// +kubebuilder:validation:MaxLength=3
	Currency string `json:"currency"`

	// change is what the person gains or loses, held and granted together, with its sign: "+312.00".
	//
	// +required
	// +kubebuilder:validation:MaxLength=64
	Change string `json:"change"`
}

// GetConditions returns the conditions of the status.
func (p *RewardPlan) GetConditions() []metav1.Condition { return p.Status.Conditions }

// SetConditions replaces the conditions of the status.
func (p *RewardPlan) SetConditions(conditions []metav1.Condition) {
	p.Status.Conditions = conditions
}

// GetObservedGeneration returns the generation of the spec once the plan has finished; -1 before.
func (p *RewardPlan) GetObservedGeneration() int64 { return p.Status.ObservedGeneration }

// SetObservedGeneration sets the generation of the spec of a plan that has finished.
func (p *RewardPlan) SetObservedGeneration(generation int64) {
	p.Status.ObservedGeneration = generation
}
