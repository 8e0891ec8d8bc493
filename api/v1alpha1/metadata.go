package v1alpha1

// Names the operator writes to, or reads from, the metadata of objects.
const (
	// TakeOverAnnotation on an AttributionDatabase that is OwnedByAnother names the UID of the owner whose schema it
	// takes over. It is good for that one owner only.
	TakeOverAnnotation = "referral-operator.io/take-over"

	// RequestedAtAnnotation asks for a reconcile now; any value that differs from the last one does. On a
	// ReferralCampaign it also asks for a full comparison, which status.lastHandledReconcileAt answers when it has ended.
	RequestedAtAnnotation = "reconcile.referral-operator.io/requestedAt"

	// AllowReversalsAnnotation on a ReferralCampaign that is MassReversal names the incident whose reversals are meant. It
	// is good for that one incident only.
	AllowReversalsAnnotation = "referral-operator.io/allow-reversals"

	// Finalizer is on an AttributionDatabase from before the first write to the database until it was given up, and on a
	// ReferralCampaign with deletionPolicy Reverse from before it is declared until all its credits are reversed.
	Finalizer = "referral-operator.io/finalizer"

	// FieldManager is the name under which the operator writes to the API server.
	FieldManager = "referral-operator"
)
