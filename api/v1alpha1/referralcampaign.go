package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// ReferralCampaign applies a RewardPolicy to the referees who come through the campaign's links.
// The column campaign of table link contains its name.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=rcamp,categories=referral
// +kubebuilder:selectablefield:JSONPath=`.spec.databaseRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.policyRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.suspend`
// +kubebuilder:printcolumn:name="Policy",type="string",JSONPath=".spec.policyRef.name"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=".status.conditions[?(@.type==\"Ready\")].status"
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.conditions[?(@.type==\"Ready\")].reason"
// +kubebuilder:printcolumn:name="Granted",type="integer",JSONPath=".status.pairs.granted"
// +kubebuilder:printcolumn:name="Held",type="integer",JSONPath=".status.pairs.held"
// +kubebuilder:printcolumn:name="Credit",type="string",JSONPath=".status.credit"
// +kubebuilder:printcolumn:name="Waiting",type="integer",priority=1,JSONPath=".status.pairs.waiting"
// +kubebuilder:printcolumn:name="Reversed",type="integer",priority=1,JSONPath=".status.pairs.reversed"
// +kubebuilder:printcolumn:name="Revision",type="integer",priority=1,JSONPath=".status.policy.revision"
// +kubebuilder:printcolumn:name="Last Sync",type="date",priority=1,JSONPath=".status.lastSyncTime"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type ReferralCampaign struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec ReferralCampaignSpec `json:"spec"`

	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status ReferralCampaignStatus `json:"status,omitempty"`
}

// ReferralCampaignList is a list of ReferralCampaigns.
//
// +kubebuilder:object:root=true
type ReferralCampaignList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ReferralCampaign `json:"items"`
}

// ReferralCampaignSpec declares where the campaign runs, under which policy and when.
//
// +kubebuilder:validation:XValidation:rule="!has(self.startsAt) || !has(self.endsAt) || self.startsAt < self.endsAt",fieldPath=".endsAt",message="endsAt must be after startsAt"
type ReferralCampaignSpec struct {
	// databaseRef names the AttributionDatabase with the campaign's facts and credits. It cannot be
	// changed later.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="databaseRef is immutable; delete this ReferralCampaign and create another to use another database"
	DatabaseRef ObjectReference `json:"databaseRef"`

	// policyRef names the RewardPolicy the campaign follows. Naming another one is an edit of the
	// terms.
	//
	// +required
	PolicyRef ObjectReference `json:"policyRef"`

	// startsAt is the first moment whose signups belong to the campaign. Unset: always.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^(19|[2-9][0-9])[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](Z|[+-][01][0-9]:[0-5][0-9])$`
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('1900-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z') && self.getMilliseconds() == 0",message="must be a time in whole seconds from the years 1900 to 9999, such as 2026-11-01T00:00:00Z or 2026-11-01T02:00:00+02:00"
	StartsAt *metav1.Time `json:"startsAt,omitempty"`

	// endsAt is the first moment whose signups no longer belong to the campaign. Unset: never.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^(19|[2-9][0-9])[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](Z|[+-][01][0-9]:[0-5][0-9])$`
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('1900-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z') && self.getMilliseconds() == 0",message="must be a time in whole seconds from the years 1900 to 9999, such as 2026-11-01T00:00:00Z or 2026-11-01T02:00:00+02:00"
	EndsAt *metav1.Time `json:"endsAt,omitempty"`

	// attributionWindow is how long before a signup a touch may be for the signup to be attributed
	// to it.
	//
	// +optional
	// +kubebuilder:default="720h"
	AttributionWindow *Duration `json:"attributionWindow,omitempty"`

	// destination is where a link without a destination of its own leads.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|[[][0-9A-Fa-f:.]+[]])(:[1-9][0-9]{0,4})?([/?#]([A-Za-z0-9._~:/?#@!$&()*+,;=-]|[[]|[]]|%[0-9A-Fa-f]{2})*)?$') && isURL(self) && (size(url(self).getPort()) == 0 || int(url(self).getPort()) <= 65535)",message="must be an http or https URL with a host and without user name or blanks, such as https://mysite.com/"
	Destination string `json:"destination,omitempty"`

	// budget is the most that all held and granted pairs of the campaign may earn together. A pair
	// that the budget has no capacity for waits. Every reward of the policy must be in its
	// currency. Unset: no limit.
	//
	// +optional
	Budget *Money `json:"budget,omitempty"`

	// deletionPolicy is what deleting the campaign does to its credits. Retain: nothing; holds
	// still mature and refunds still reverse, but no new pair is admitted. Reverse: all credits are
	// reversed before the object goes.
	//
	// +optional
	// +kubebuilder:default=Retain
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// suspend stops the campaign: nothing is granted or reversed until it is false again. No fact
	// and no place on the waitlist is lost. The annotation referral-operator.io/suspend does the
	// same, whatever this field says.
	//
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// resyncInterval is the longest time between two resyncs: full comparisons of the campaign's
	// decisions with the facts. At least a minute.
	//
	// +optional
	// +kubebuilder:default="30m"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}h)?([0-9]{1,8}m)?([0-9]{1,9}s)?$') || size(self) == 0 || duration(self) >= duration('1m')",message="must be at least one minute, such as 1m or 30m"
	ResyncInterval *Duration `json:"resyncInterval,omitempty"`
}

// DeletionPolicy is what deleting a campaign does to its credits.
//
// +kubebuilder:validation:Enum=Retain;Reverse
type DeletionPolicy string

const (
	// RetainCredits leaves all credits as they are.
	RetainCredits DeletionPolicy = "Retain"
	// ReverseCredits reverses all credits.
	ReverseCredits DeletionPolicy = "Reverse"
)

// MaxCreditCurrencies is the most currencies that the status of a campaign lists.
const MaxCreditCurrencies = 32

// ReferralCampaignStatus is what has come of the campaign.
type ReferralCampaignStatus struct {
	// observedGeneration is the newest generation of the spec that is in force, or that can never
	// be; -1 until then.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// policy is the policy in force in the database.
	//
	// +optional
	Policy *PolicyInForce `json:"policy,omitempty"`

	// pairs counts the campaign's pairs by state.
	//
	// +optional
	Pairs *PairCounts `json:"pairs,omitempty"`

	// credit is the net granted credit of all currencies, for people: "5.00 USD". The budget's
	// currency comes first.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Credit string `json:"credit,omitempty"`

	// credits are the campaign's sums per currency, of at most 32: the budget's, those that the
	// policy fixes, and others by their codes. Sums of further currencies are in the database only.
	//
	// +optional
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=currency
	Credits []CurrencyCredit `json:"credits,omitempty"`

	// rollout is the progress of the newest edit of the policy that reaches existing pairs.
	//
	// +optional
	Rollout *Rollout `json:"rollout,omitempty"`

	// lastSyncTime is when the engine last changed a decision or credit of this campaign.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	LastSyncTime *metav1.Time `json:"lastSyncTime,omitempty"`

	// lastResyncTime is when the last resync ended.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	LastResyncTime *metav1.Time `json:"lastResyncTime,omitempty"`

	// lastHandledReconcileAt is the last value of the annotation
	// reconcile.referral-operator.io/requestedAt that a resync has answered.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	LastHandledReconcileAt string `json:"lastHandledReconcileAt"`

	// driftCorrected counts the differences that no edit or fact declared and that resyncs have
	// repaired.
	//
	// +optional
	DriftCorrected int64 `json:"driftCorrected"`

	// conditionErrors counts how often the policy's condition failed with an error when a purchase
	// was decided.
	//
	// +optional
	ConditionErrors int64 `json:"conditionErrors"`

	// conditions: Ready always; Reconciling and Stalled only while true.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:01Z') && c.lastTransitionTime <= timestamp('9999-12-31T23:59:59Z'))",message="each lastTransitionTime must be a time from the years 1 to 9999, such as 2026-11-01T00:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// PolicyInForce is the policy that pairs are decided under now. Its object may say something else
// already.
type PolicyInForce struct {
	// name of the RewardPolicy.
	//
	// +required
	// +kubebuilder:validation:MaxLength=320
	Name string `json:"name"`

	// uid of the RewardPolicy, which tells it from an earlier one of the same name.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=320
	UID types.UID `json:"uid,omitempty"`

	// generation of the RewardPolicy whose terms and limits are in force.
	//
	// +optional
	Generation int64 `json:"generation,omitempty"`

	// revision is the number of its terms within this campaign, from 1.
	//
	// +required
	Revision int64 `json:"revision"`

	// digest of its normalised terms.
	//
	// +required
	// +kubebuilder:validation:MaxLength=512
	Digest string `json:"digest"`
}

// PairCounts counts pairs by state.
type PairCounts struct {
	// awaitingPurchase is how many attributed signups have no pair yet.
	//
	// +optional
	AwaitingPurchase int64 `json:"awaitingPurchase"`

	// waiting pairs count, and are not admitted: there is no capacity, or the campaign is not open.
	//
	// +optional
	Waiting int64 `json:"waiting"`

	// held pairs count, and wait for the end of their hold.
	//
	// +optional
	Held int64 `json:"held"`

	// granted pairs have their credit.
	//
	// +optional
	Granted int64 `json:"granted"`

	// reversed pairs counted earlier and no longer do.
	//
	// +optional
	Reversed int64 `json:"reversed"`
}

// CurrencyCredit is the sums of one campaign in one currency, as decimal strings.
type CurrencyCredit struct {
	// currency is the ISO 4217 code.
	//
	// +required
	// +kubebuilder:validation:MaxLength=3
	Currency string `json:"currency"`

	// granted is the net sum of the ledger: grants less reversals.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Granted string `json:"granted"`

	// held is what held pairs will earn.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Held string `json:"held"`

	// reversed is the sum of all reversals.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reversed string `json:"reversed"`

	// budgetRemaining is the budget less what is granted and held, in the budget's currency only.
	// It is below zero after the budget was lowered to less than what is granted and held.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	BudgetRemaining string `json:"budgetRemaining,omitempty"`
}

// Rollout is the progress of the newest revision that reaches existing pairs.
type Rollout struct {
	// revision is the number of the newest revision that reaches existing pairs; if there is none, of
	// the revision in force.
	//
	// +optional
	Revision int64 `json:"revision"`

	// decided is how many of the reached pairs have been decided again.
	//
	// +optional
	Decided int64 `json:"decided"`

	// total is how many existing pairs the revision reached when it was recorded.
	//
	// +optional
	Total int64 `json:"total"`
}

// GetConditions returns the conditions of the status.
func (c *ReferralCampaign) GetConditions() []metav1.Condition { return c.Status.Conditions }

// SetConditions replaces the conditions of the status.
func (c *ReferralCampaign) SetConditions(conditions []metav1.Condition) {
	c.Status.Conditions = conditions
}

// GetObservedGeneration returns the newest generation that is in force, or can never be; -1: none.
func (c *ReferralCampaign) GetObservedGeneration() int64 { return c.Status.ObservedGeneration }

// SetObservedGeneration sets the newest generation that is in force, or can never be.
func (c *ReferralCampaign) SetObservedGeneration(generation int64) {
	c.Status.ObservedGeneration = generation
}

// Suspended reports whether spec.suspend or SuspendAnnotation suspends the campaign.
func (c *ReferralCampaign) Suspended() bool { return c.Spec.Suspend || SuspendedByAnnotation(c) }
