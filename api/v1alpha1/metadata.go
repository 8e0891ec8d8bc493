package v1alpha1

// Names that the operator reads from, or writes to, the metadata of objects.
const (
	// TakeOverAnnotation on an AttributionDatabase that is OwnedByAnother holds the UID of the
	// owner that it takes the schema over from. It has no effect on another owner.
	TakeOverAnnotation = "referral-operator.io/take-over"

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
