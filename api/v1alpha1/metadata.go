package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Names that the operator reads from, or writes to, the metadata of objects.
const (
	// TakeOverAnnotation on an AttributionDatabase that is OwnedByAnother holds the UID of the
	// owner that it takes the schema over from. It has no effect on another owner. The operator
	// removes it once the schema is taken over.
	TakeOverAnnotation = "referral-operator.io/take-over"

	// SuspendAnnotation on an AttributionDatabase or a ReferralCampaign suspends it like
	// spec.suspend: true, whatever spec.suspend is. Any value but "false" does. It is for a person
	// in a hurry: applying the spec again from git does not remove it.
	SuspendAnnotation = "referral-operator.io/suspend"

	// RequestedAtAnnotation requests a reconcile now, by any value that differs from the last one.
	// On a ReferralCampaign it also requests a resync, which status.lastHandledReconcileAt answers
	// when it has ended.
	RequestedAtAnnotation = "reconcile.referral-operator.io/requestedAt"

	// VerifyRequestedAtAnnotation on an AttributionDatabase requests a verification of its ledger now,
	// by any value that differs from the last one. status.verification.lastHandledVerifyAt answers
	// when it has ended.
	VerifyRequestedAtAnnotation = "referral-operator.io/verifyRequestedAt"

	// AllowReversalsAnnotation on a ReferralCampaign that is MassReversal holds the id of the
	// incident whose reversals are permitted. It has no effect on another incident.
	AllowReversalsAnnotation = "referral-operator.io/allow-reversals"

	// Finalizer is on an AttributionDatabase from before the first write to the database until its
	// ownership is given up, and on a ReferralCampaign with deletionPolicy Reverse from before it
	// is declared until all its credits are reversed.
	Finalizer = "referral-operator.io/finalizer"

	// FieldManager is the name under which the operator writes to the API server.
	FieldManager = "referral-operator"
)

// SuspendedByAnnotation reports whether SuspendAnnotation suspends an object.
func SuspendedByAnnotation(object metav1.Object) bool {
	value, found := object.GetAnnotations()[SuspendAnnotation]
	return found && value != "false"
}
