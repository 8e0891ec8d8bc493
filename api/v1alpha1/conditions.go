package v1alpha1

// Condition types, with their kstatus meaning.
const (
	// ReadyCondition is always there. True: the spec of this generation is in force (or suspended, which the reason
	// says). False: it is not, and the reason says why. Unknown is not used.
	ReadyCondition = "Ready"

	// ReconcilingCondition is there, and True, only while a declared change is on its way into force. Facts waiting to
	// be decided are not Reconciling: there are always some.
	ReconcilingCondition = "Reconciling"

	// StalledCondition is there, and True, only while nothing but a person can help: trying again would fail in the same
	// way. Its reason and message are also those of Ready=False.
	StalledCondition = "Stalled"

	// ResyncFailingCondition is there, and True, on an AttributionDatabase only while its full comparisons fail again and
	// again. Ready stays as it is: facts go on being decided, and damage behind the triggers is not found.
	ResyncFailingCondition = "ResyncFailing"
)

// Reasons every kind has.
const (
	// ReadyReason, Ready=True: what is declared is in force.
	ReadyReason = "Ready"

	// SuspendedReason, Ready=True: spec.suspend is acknowledged; nothing is granted or reversed from here on.
	SuspendedReason = "Suspended"

	// TerminatingReason, Ready=False: the object is being deleted, and the message says what that waits for.
	TerminatingReason = "Terminating"

	// InvalidSpecReason, Stalled: the spec can never work, such as an amount with more decimals than its currency has.
	// The message names the field.
	InvalidSpecReason = "InvalidSpec"

	// FailedReason, Ready=False: something went wrong that no other reason describes; it is tried again.
	FailedReason = "Failed"
)

// Reasons of Reconciling, and of Ready=False meanwhile.
const (
	// ConnectingReason: AttributionDatabase; the Secret is being read, the first connection under this spec made.
	ConnectingReason = "Connecting"

	// RollingOutReason: RewardPolicy; not every campaign that uses it has its newest terms in force yet.
	// ReferralCampaign; the newest terms reach pairs of before, and not all of them have been decided again.
	RollingOutReason = "RollingOut"
)

// Reasons of an AttributionDatabase, all with Ready=False.
const (
	// SecretNotFoundReason: the Secret named by secretRef or caSecretRef does not exist. Looked for every few seconds.
	SecretNotFoundReason = "SecretNotFound"

	// SecretKeyNotFoundReason: the Secret exists and lacks the key, or the key is empty.
	SecretKeyNotFoundReason = "SecretKeyNotFound"

	// SecretForbiddenReason: the operator may not get the Secret. The message has the kubectl line that allows it.
	SecretForbiddenReason = "SecretForbidden"

	// InvalidURIReason: what the Secret holds is no Postgres URI the operator accepts, or caSecretRef's is no PEM.
	InvalidURIReason = "InvalidURI"

	// UnreachableReason: the server does not answer, or ends the connection. Tried again with backoff.
	UnreachableReason = "Unreachable"

	// CertificateNotTrustedReason: the server's certificate is not signed by a trusted authority, is out of date or is
	// for another host; or the server has none at all.
	CertificateNotTrustedReason = "CertificateNotTrusted"

	// AuthenticationFailedReason: the server refuses user or password. The Secret is read again at once.
	AuthenticationFailedReason = "AuthenticationFailed"

	// PermissionDeniedReason: the user may connect, and lacks a right that the operator needs.
	PermissionDeniedReason = "PermissionDenied"

	// DatabaseNotFoundReason: the server has no database of the URI's name.
	DatabaseNotFoundReason = "DatabaseNotFound"

	// RoleNotFoundReason: a role of spec.roles does not exist in Postgres; the message names it.
	RoleNotFoundReason = "RoleNotFound"

	// OwnedByAnotherReason, Stalled: another AttributionDatabase owns the schema; the message names it and the
	// annotation that takes over. An earlier object of the same name makes way by itself: then it is not Stalled.
	OwnedByAnotherReason = "OwnedByAnother"

	// SchemaTooNewReason, Stalled: the schema was made by a newer version of the operator.
	SchemaTooNewReason = "SchemaTooNew"

	// MigrationFailedReason: a migration was refused by the server; the message has its words. Tried again.
	MigrationFailedReason = "MigrationFailed"

	// EngineFailingReason: connected, but batches fail again and again; the message has the last error.
	EngineFailingReason = "EngineFailing"

	// ResyncFailingReason is that of the condition ResyncFailing; the message has the last error.
	ResyncFailingReason = "ResyncFailing"

	// InUseReason: deletion waits for the campaigns that still refer to the database; the message names them.
	InUseReason = "InUse"
)

// Reasons of a ReferralCampaign.
const (
	// BudgetExhaustedReason, Ready=True: in force, and less is left of the budget than any pair earns, or than those need
	// that wait for it. What counts waits until credits are reversed or the budget is raised.
	BudgetExhaustedReason = "BudgetExhausted"

	// MassReversalReason, Stalled: so many signups or purchases of pairs that have credit are missing from the database
	// that they were more likely lost than meant to go. Nothing is reversed for it until the annotation in the message
	// allows it; everything else goes on.
	MassReversalReason = "MassReversal"

	// PolicyNotFoundReason: policyRef names no RewardPolicy of the namespace. Nothing new is admitted until there is one.
	PolicyNotFoundReason = "PolicyNotFound"

	// PolicyInvalidReason: the RewardPolicy is there and Stalled; the terms last declared stay in force.
	PolicyInvalidReason = "PolicyInvalid"

	// DatabaseNotReadyReason: databaseRef names no AttributionDatabase of the namespace, or one that is not Ready.
	DatabaseNotReadyReason = "DatabaseNotReady"
)
