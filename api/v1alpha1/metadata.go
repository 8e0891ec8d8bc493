package v1alpha1

// Names the operator writes to, or reads from, the metadata of objects.
const (
	// TakeOverAnnotation on an AttributionDatabase that is OwnedByAnother names the UID of the owner whose schema it
	// takes over. It is good for that one owner only.
	TakeOverAnnotation = "referral-operator.io/take-over"

	// RequestedAtAnnotation asks for a reconcile now; any value that differs from the last one does.
	RequestedAtAnnotation = "reconcile.referral-operator.io/requestedAt"

	// Finalizer is on an AttributionDatabase from before the first write to the database until it was given up.
	Finalizer = "referral-operator.io/finalizer"

	// FieldManager is the name under which the operator writes to the API server.
	FieldManager = "referral-operator"
)
