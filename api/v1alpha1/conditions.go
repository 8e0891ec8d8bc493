package v1alpha1

// Condition types, with their kstatus meaning.
const (
	// ReadyCondition is set from the first report on. True: the spec of this generation is in force, or suspended, as
	// the reason says. False: it is not in force, or does not work as declared, and the reason says
	// why. Unknown is not used.
	ReadyCondition = "Ready"

	// ReconcilingCondition is set, to True, only while a declared edit is on its way into force.
	// Pending facts are not Reconciling: there are always some.
	ReconcilingCondition = "Reconciling"

	// StalledCondition is set, to True, only while a retry would fail in the same way and only a
	// person can help. Its reason and message are also those of Ready=False.
	StalledCondition = "Stalled"

	// ResyncFailingCondition is set, to True, on an AttributionDatabase only while its resyncs fail
	// again and again. Ready stays as it is: facts are still decided, but drift is not found.
	ResyncFailingCondition = "ResyncFailing"

	// PrivilegedRoleCondition is set, to True, on an AttributionDatabase only while the user of its
	// connection URI may become a superuser of the server. Ready stays as it is.
	PrivilegedRoleCondition = "PrivilegedRole"

	// LedgerConsistentCondition is set on an AttributionDatabase once its ledger has been verified.
	// False: some rows contradict each other; status.verification names examples. Ready stays as it
	// is.
	LedgerConsistentCondition = "LedgerConsistent"
)

// Reasons of every kind.
const (
	// ReadyReason, Ready=True: the spec is in force.
	ReadyReason = "Ready"

	// SuspendedReason, Ready=True: spec.suspend, or the annotation referral-operator.io/suspend, is in
	// force; nothing is granted or reversed.
	SuspendedReason = "Suspended"

	// TerminatingReason, Ready=False: the object is being deleted, and the message says what the
	// deletion waits for.
	TerminatingReason = "Terminating"

	// InvalidSpecReason, Stalled: the spec can never work, such as an amount with more decimals
	// than its currency has. The message names the field. Or the database has a later generation of
	// the object in force, as after a restore of the API server's storage; the message names the
	// cures.
	InvalidSpecReason = "InvalidSpec"

	// FailedReason, Ready=False: an error that no other reason describes; the operator retries.
	FailedReason = "Failed"
)

// Reasons of Reconciling, and of Ready=False meanwhile.
const (
	// ConnectingReason: AttributionDatabase; the Secret is being read, the first connection under
	// this spec is being made, or its schema is not served yet.
	ConnectingReason = "Connecting"

	// RollingOutReason: RewardPolicy; not every campaign that uses it has its newest terms in force
	// yet. ReferralCampaign; the newest terms reach existing pairs, and not all of these have been
	// decided again.
	RollingOutReason = "RollingOut"
)

// Reasons of an AttributionDatabase, all with Ready=False.
const (
	// SecretNotFoundReason: the Secret named by secretRef or caSecretRef does not exist. The
	// operator checks every few seconds.
	SecretNotFoundReason = "SecretNotFound"

	// SecretKeyNotFoundReason: the Secret exists and lacks the key, or the key is empty.
	SecretKeyNotFoundReason = "SecretKeyNotFound"

	// SecretForbiddenReason: the operator may not get the Secret. The message has the kubectl line
	// that allows it.
	SecretForbiddenReason = "SecretForbidden"

	// InvalidURIReason: the Secret does not hold a Postgres URI that the operator accepts, or
	// caSecretRef does not name PEM.
	InvalidURIReason = "InvalidURI"

	// UnreachableReason: the server does not answer, or ends the connection. The operator retries
	// with backoff.
	UnreachableReason = "Unreachable"

	// CertificateNotTrustedReason: the server's certificate is not signed by a trusted authority,
	// is out of date or is for another host; or the server has none at all.
	CertificateNotTrustedReason = "CertificateNotTrusted"

	// AuthenticationFailedReason: the server refuses user or password. The Secret is read again at
	// once, and every few seconds while this lasts.
	AuthenticationFailedReason = "AuthenticationFailed"

	// PermissionDeniedReason: the user may connect, and lacks a right that the operator needs.
	PermissionDeniedReason = "PermissionDenied"

	// DatabaseNotFoundReason: the server has no database of the URI's name.
	DatabaseNotFoundReason = "DatabaseNotFound"

	// RoleNotFoundReason: a role of spec.roles does not exist in Postgres; the message names it.
	RoleNotFoundReason = "RoleNotFound"

	// OwnedByAnotherReason, Stalled: another AttributionDatabase owns the schema; the message names
	// it and the annotation that takes over. An earlier object of the same name is taken over
	// without help: then it is not Stalled.
	OwnedByAnotherReason = "OwnedByAnother"

	// SchemaTooNewReason, Stalled: a newer version of the operator has migrated the schema.
	SchemaTooNewReason = "SchemaTooNew"

	// UnsupportedServerReason, Stalled: the server is not PostgreSQL, or an older one than is
	// supported, or the database is distributed by Citus or not encoded in UTF8; the message says
	// which.
	UnsupportedServerReason = "UnsupportedServer"

	// MigrationFailedReason: the server refused a migration; the message has its words. The
	// operator retries.
	MigrationFailedReason = "MigrationFailed"

	// EngineFailingReason: connected, but batches fail again and again, or a value of the database
	// ended the engine, which starts again with growing pauses; the message has the last error.
	EngineFailingReason = "EngineFailing"

	// SlowReason: the database is served and slow, and an edit of the spec has waited for longer than
	// a minute until other slow databases are done. Facts are decided as before.
	SlowReason = "Slow"

	// VerifiedReason, LedgerConsistent=True: the last verification found nothing wrong.
	VerifiedReason = "Verified"

	// ViolationsFoundReason, LedgerConsistent=False: the last verification found rows that contradict
	// each other; the message says how many.
	ViolationsFoundReason = "ViolationsFound"

	// VerificationFailedReason, LedgerConsistent=False: the verification could not be finished; the
	// message has the error. The operator tries again.
	VerificationFailedReason = "VerificationFailed"

	// ResyncFailingReason is that of the condition ResyncFailing; the message has the last error.
	ResyncFailingReason = "ResyncFailing"

	// PrivilegedRoleReason is that of the condition PrivilegedRole; the message says how the user may
	// become a superuser.
	PrivilegedRoleReason = "PrivilegedRole"

	// InUseReason: deletion waits for the campaigns that still refer to the database; the message
	// names them.
	InUseReason = "InUse"
)

// Reasons of a ReferralCampaign.
const (
	// BudgetExhaustedReason, Ready=True: in force, and less is left of the budget than the least
	// that a pair earns, or pairs wait under a policy without limits. They wait until credits are
	// reversed or the budget is raised.
	BudgetExhaustedReason = "BudgetExhausted"

	// MassReversalReason, Stalled: so many signups or purchases of pairs with credit are missing
	// from the database that they were probably lost. These pairs are not reversed until the
	// annotation in the message permits it; everything else goes on.
	MassReversalReason = "MassReversal"

	// PolicyNotFoundReason: policyRef names no RewardPolicy of the namespace. Nothing new is
	// admitted until there is one.
	PolicyNotFoundReason = "PolicyNotFound"

	// PolicyInvalidReason: the RewardPolicy exists and is Stalled; the terms declared last stay in
	// force.
	PolicyInvalidReason = "PolicyInvalid"

	// TooManyRevisionsReason, Stalled: the database has recorded so many revisions that the newest
	// terms are not put into force. Those declared before stay, the rest of the spec is in force, and
	// an edit can be taken back.
	TooManyRevisionsReason = "TooManyRevisions"

	// DatabaseNotReadyReason: databaseRef names no AttributionDatabase of the namespace, or one
	// that cannot be used or whose counters the operator has no memory for.
	DatabaseNotReadyReason = "DatabaseNotReady"
)

// Reasons of a RewardPlan, beside InvalidSpec, PolicyNotFound, PolicyInvalid and Failed, with which
// it is Stalled (with Failed only if another attempt would fail in the same way).
const (
	// PendingReason, Ready=False: the plan waits for other plans, or for its database, as the
	// message says.
	PendingReason = "Pending"

	// RunningReason, Ready=False: the plan is being worked out.
	RunningReason = "Running"

	// DoneReason, Ready=True: the status has the answer.
	DoneReason = "Done"

	// CampaignNotFoundReason, Stalled: campaignRef names no ReferralCampaign of the namespace, and
	// the plan does not propose one.
	CampaignNotFoundReason = "CampaignNotFound"

	// TooManyPlansReason, Stalled: too many plans of the namespace had not finished when this one
	// was created.
	TooManyPlansReason = "TooManyPlans"

	// DeadlineExceededReason, Stalled: the plan ran for an hour, or had not finished 24 hours after it
	// was created.
	DeadlineExceededReason = "DeadlineExceeded"
)

// Reasons of a RewardReview, beside DatabaseNotReady, and InvalidSpec and Failed, with which it is
// Stalled (with Failed only if another attempt would fail in the same way).
const (
	// AnsweredReason, Ready=True: the status has the answer.
	AnsweredReason = "Answered"

	// TooManyReviewsReason, Stalled: the namespace asks too often, or too many reviews of it are
	// stored.
	TooManyReviewsReason = "TooManyReviews"
)
