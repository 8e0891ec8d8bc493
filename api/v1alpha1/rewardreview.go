package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RewardReview asks why a user, or one purchase, earns what it earns, or how far the friends of a
// referrer have come. Any replica of the operator answers in the review's status, and deletes the
// review when its ttl is over. A review is like a SubjectAccessReview: create it, read the answer,
// forget it.
//
// The right to create reviews is the right to ask about facts.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=rrev
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=".status.conditions[?(@.type==\"Ready\")].status"
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.conditions[?(@.type==\"Ready\")].reason"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type RewardReview struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec RewardReviewSpec `json:"spec"`

	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status RewardReviewStatus `json:"status,omitempty"`
}

// RewardReviewList is a list of RewardReviews.
//
// +kubebuilder:object:root=true
type RewardReviewList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []RewardReview `json:"items"`
}

// FactID is an id that the application chose, such as a user's.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule="!self.matches('[\\x00]')",message="must not contain the character NUL"
type FactID string

// RewardReviewSpec is the question.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a review is immutable; create another"
// +kubebuilder:validation:XValidation:rule="has(self.userID) != has(self.referrerID)",message="must have either userID, or referrerID to ask about a referrer's friends"
// +kubebuilder:validation:XValidation:rule="!has(self.purchaseID) || has(self.userID)",fieldPath=".purchaseID",message="may only be set with userID: purchase ids are unique per user"
// +kubebuilder:validation:XValidation:rule="!has(self.after) || has(self.referrerID)",fieldPath=".after",message="may only be set with referrerID: only friends are listed in pages"
type RewardReviewSpec struct {
	// databaseRef names the AttributionDatabase to ask.
	//
	// +required
	DatabaseRef ObjectReference `json:"databaseRef"`

	// userID is the application's id of the user whose signup and purchases are asked about.
	//
	// +optional
	UserID FactID `json:"userID,omitempty"`

	// purchaseID narrows the question to one purchase of the user. Unset: the newest purchases.
	//
	// +optional
	PurchaseID FactID `json:"purchaseID,omitempty"`

	// referrerID is the application's id of the person whose friends are asked about: the users
	// whose signups are attributed to this person's links.
	//
	// +optional
	ReferrerID FactID `json:"referrerID,omitempty"`

	// after lists friends that signed up before those of an earlier review: its status.friends.next.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	After string `json:"after,omitempty"`

	// ttl is how long the review is kept after it was created: 10s to 1h.
	//
	// +optional
	// +kubebuilder:default="1m"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}h)?([0-9]{1,8}m)?([0-9]{1,9}s)?$') || size(self) == 0 || (duration(self) >= duration('10s') && duration(self) <= duration('1h'))",message="must be from 10s to 1h, such as 1m"
	TTL *Duration `json:"ttl,omitempty"`
}

// Most that a review's status lists.
const (
	// MaxReviewEvents is the most events of a timeline.
	MaxReviewEvents = 50
	// MaxReviewPurchases is the most purchases that are explained.
	MaxReviewPurchases = 20
	// MaxReviewEntries is the most ledger entries of one purchase.
	MaxReviewEntries = 50
	// MaxReviewFriends is the most friends of one page.
	MaxReviewFriends = 50
)

// RewardReviewStatus is the answer. It contains no landing URL, referer, attribute or fingerprint.
type RewardReviewStatus struct {
	// observedGeneration is the generation of the spec once the review is answered, or failed; -1
	// before.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// answeredAt is when the database was read, by its clock.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	AnsweredAt *metav1.Time `json:"answeredAt,omitempty"`

	// summary is the answer in one sentence, for people.
	//
	// +optional
	Summary string `json:"summary,omitempty"`

	// attribution is the link that the user's signup is attributed to. Unset: to none.
	//
	// +optional
	Attribution *ReviewedAttribution `json:"attribution,omitempty"`

	// timeline is what happened to the user, in the order of time: touches, signup, purchases,
	// refunds and ledger entries. Of more than 50 events the newest are listed.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Timeline []ReviewedEvent `json:"timeline,omitempty"`

	// purchases are the user's purchases, or the one asked about, the newest first.
	//
	// +optional
	// +listType=map
	// +listMapKey=purchaseID
	// +kubebuilder:validation:MaxItems=20
	Purchases []ReviewedPurchase `json:"purchases,omitempty"`

	// remedy is what has to happen for a credit, where no purchase of the user can say it: the user
	// is unknown, has not signed up or bought, or came through no link. Empty: nothing.
	//
	// +optional
	Remedy string `json:"remedy,omitempty"`

	// friends are the users that a referrer brought.
	//
	// +optional
	Friends *ReviewedFriends `json:"friends,omitempty"`

	// pending is what the engine has not decided yet about the user: "a change since 2026-11-01T…".
	// Empty: nothing.
	//
	// +optional
	Pending string `json:"pending,omitempty"`

	// truncated is true if there is more than is listed, or the user has too many facts to be
	// decided again for an answer, or cannot be decided: then only what is recorded is shown, and
	// summary says so.
	//
	// +optional
	Truncated bool `json:"truncated"`

	// conditions: none until a replica has reported; Reconciling while the review is tried again;
	// Stalled if it failed.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:01Z') && c.lastTransitionTime <= timestamp('9999-12-31T23:59:59Z'))",message="each lastTransitionTime must be a time from the years 1 to 9999, such as 2026-11-01T00:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ReviewedAttribution is the link, and so referrer and campaign, that a signup is attributed to.
type ReviewedAttribution struct {
	// campaign is the name of the ReferralCampaign.
	//
	// +required
	Campaign string `json:"campaign"`

	// code of the link.
	//
	// +required
	Code string `json:"code"`

	// referrerID is the person that shared the link.
	//
	// +required
	ReferrerID string `json:"referrerID"`

	// touchedAt is when the link was used.
	//
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	TouchedAt metav1.Time `json:"touchedAt"`

	// source is Code, where the code came with the signup, or Touch.
	//
	// +required
	Source string `json:"source"`
}

// ReviewedEvent is one thing that happened.
type ReviewedEvent struct {
	// at is when it happened, as the application recorded it.
	//
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	At metav1.Time `json:"at"`

	// what happened: Touched, SignedUp, Purchased, Refunded, Overridden, Granted or Reversed.
	//
	// +required
	What string `json:"what"`

	// code of the link, of a touch.
	//
	// +optional
	Code string `json:"code,omitempty"`

	// campaign of the link.
	//
	// +optional
	Campaign string `json:"campaign,omitempty"`

	// purchaseID, of a purchase and what follows from it.
	//
	// +optional
	PurchaseID string `json:"purchaseID,omitempty"`

	// amount of a purchase, a refund or an entry: "25.00 USD".
	//
	// +optional
	Amount string `json:"amount,omitempty"`

	// lost is why a touch does not decide the attribution. Empty: it does, or it is no touch.
	//
	// +optional
	Lost string `json:"lost,omitempty"`
}

// ReviewedPurchase is one purchase and why it earns what it earns.
type ReviewedPurchase struct {
	// purchaseID is the application's id of the purchase.
	//
	// +required
	PurchaseID string `json:"purchaseID"`

	// purchasedAt is when the user bought. Unset: the purchase is no longer in the database.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	PurchasedAt *metav1.Time `json:"purchasedAt,omitempty"`

	// net is the amount less all refunds: "19.20 USD".
	//
	// +optional
	Net string `json:"net,omitempty"`

	// state is NotCounting, Waiting, Held, Granted, Reversed or Undecided, as table pair has it, or
	// as it is decided now if that is not recorded yet.
	//
	// +required
	State string `json:"state"`

	// reason is why the purchase is in that state, one of those that table pair lists. Empty: the
	// purchase is not decided yet; or it has never counted, and the user has too many facts to be
	// decided again.
	//
	// +optional
	Reason string `json:"reason,omitempty"`

	// campaign that the purchase is decided in.
	//
	// +optional
	Campaign string `json:"campaign,omitempty"`

	// revision of the campaign's terms that the purchase is decided under.
	//
	// +optional
	Revision int64 `json:"revision,omitempty"`

	// digest of that revision.
	//
	// +optional
	Digest string `json:"digest,omitempty"`

	// maturesAt is when a held purchase is granted.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	MaturesAt *metav1.Time `json:"maturesAt,omitempty"`

	// checks are the rules that the purchase was checked against, with their numbers. There are none
	// of a user with too many facts to be decided again.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Checks []ReviewedCheck `json:"checks,omitempty"`

	// credits are what the purchase earns now.
	//
	// +optional
	// +listType=map
	// +listMapKey=reward
	// +kubebuilder:validation:MaxItems=16
	Credits []ReviewedCredit `json:"credits,omitempty"`

	// ledger are the entries about the purchase, the newest first.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Ledger []ReviewedEntry `json:"ledger,omitempty"`

	// pending is true if the engine has not recorded this decision, or what it earns, yet.
	//
	// +optional
	Pending bool `json:"pending,omitempty"`

	// remedy is what has to happen for a credit, in words that a support person can pass on. Empty:
	// nothing, or nothing can be done.
	//
	// +optional
	Remedy string `json:"remedy,omitempty"`
}

// ReviewedCheck is one rule that a purchase was checked against.
type ReviewedCheck struct {
	// rule that was checked, such as MinimumAmount.
	//
	// +required
	Rule string `json:"rule"`

	// passed is true if the rule does not stand against a credit.
	//
	// +required
	Passed bool `json:"passed"`

	// detail is the comparison with its numbers: "19.20 USD < 20.00 USD".
	//
	// +optional
	Detail string `json:"detail,omitempty"`
}

// ReviewedCredit is what one reward of a purchase earns.
type ReviewedCredit struct {
	// reward is its name in the policy.
	//
	// +required
	Reward string `json:"reward"`

	// beneficiaryID is the person that has the credit.
	//
	// +required
	BeneficiaryID string `json:"beneficiaryID"`

	// amount with its currency: "5.00 USD".
	//
	// +required
	Amount string `json:"amount"`
}

// ReviewedEntry is one ledger entry.
type ReviewedEntry struct {
	// enteredAt is when the engine wrote it.
	//
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	EnteredAt metav1.Time `json:"enteredAt"`

	// kind is Grant or Reversal.
	//
	// +required
	Kind string `json:"kind"`

	// reward is its name in the policy.
	//
	// +required
	Reward string `json:"reward"`

	// beneficiaryID is the person whose balance it moves.
	//
	// +required
	BeneficiaryID string `json:"beneficiaryID"`

	// amount with its sign and currency: "-5.00 USD".
	//
	// +required
	Amount string `json:"amount"`

	// reason of the entry.
	//
	// +optional
	Reason string `json:"reason,omitempty"`

	// revision of the campaign's terms.
	//
	// +optional
	Revision int64 `json:"revision,omitempty"`
}

// ReviewedFriends are the users that a referrer brought.
type ReviewedFriends struct {
	// byStage counts all of them by the furthest stage that a purchase of theirs reached.
	//
	// +required
	ByStage ReviewedStages `json:"byStage"`

	// newest are those that signed up last, the newest first: 50, or fewer if their ids would make
	// the status larger than 64 KiB.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Newest []ReviewedFriend `json:"newest,omitempty"`

	// next is what spec.after of another review has to be to list the friends that follow. Empty:
	// there are none.
	//
	// +optional
	Next string `json:"next,omitempty"`
}

// ReviewedStages counts friends.
type ReviewedStages struct {
	// awaitingPurchase is how many signed up and have no purchase that counts.
	//
	// +optional
	AwaitingPurchase int64 `json:"awaitingPurchase"`

	// waiting is how many have a purchase that counts and is not admitted yet.
	//
	// +optional
	Waiting int64 `json:"waiting"`

	// held is how many have a purchase whose credit is held.
	//
	// +optional
	Held int64 `json:"held"`

	// granted is how many have a purchase whose credit is granted.
	//
	// +optional
	Granted int64 `json:"granted"`

	// reversed is how many have only purchases that counted once and no longer do.
	//
	// +optional
	Reversed int64 `json:"reversed"`
}

// ReviewedFriend is one user that a referrer brought.
type ReviewedFriend struct {
	// userID is the application's id of the friend.
	//
	// +required
	UserID string `json:"userID"`

	// signedUpAt is when the friend signed up.
	//
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	SignedUpAt metav1.Time `json:"signedUpAt"`

	// campaign that the signup is attributed to.
	//
	// +required
	Campaign string `json:"campaign"`

	// stage is AwaitingPurchase, Waiting, Held, Granted or Reversed.
	//
	// +required
	Stage string `json:"stage"`

	// reason of the stage, where there is a pair.
	//
	// +optional
	Reason string `json:"reason,omitempty"`
}

// GetConditions returns the conditions of the status.
func (r *RewardReview) GetConditions() []metav1.Condition { return r.Status.Conditions }

// SetConditions replaces the conditions of the status.
func (r *RewardReview) SetConditions(conditions []metav1.Condition) {
	r.Status.Conditions = conditions
}

// GetObservedGeneration returns the generation of the spec once the review is answered; -1 before.
func (r *RewardReview) GetObservedGeneration() int64 { return r.Status.ObservedGeneration }

// SetObservedGeneration sets the generation of the spec of a review that is answered.
func (r *RewardReview) SetObservedGeneration(generation int64) {
	r.Status.ObservedGeneration = generation
}
