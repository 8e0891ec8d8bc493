package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AttributionDatabase is one schema of one Postgres database, in which an application records its
// referral facts and the operator keeps the credits that follow from them.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=adb,categories=referral
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=".status.conditions[?(@.type==\"Ready\")].status"
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.conditions[?(@.type==\"Ready\")].reason"
// +kubebuilder:printcolumn:name="Pending",type="integer",JSONPath=".status.pendingChanges"
// +kubebuilder:printcolumn:name="Oldest",type="date",priority=1,JSONPath=".status.oldestPendingChange"
// +kubebuilder:printcolumn:name="Set Aside",type="integer",priority=1,JSONPath=".status.setAside"
// +kubebuilder:printcolumn:name="Verified",type="date",priority=1,JSONPath=".status.verification.lastTime"
// +kubebuilder:printcolumn:name="Server",type="string",priority=1,JSONPath=".status.serverVersion"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type AttributionDatabase struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec AttributionDatabaseSpec `json:"spec"`

	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status AttributionDatabaseStatus `json:"status,omitempty"`
}

// AttributionDatabaseList is a list of AttributionDatabases.
//
// +kubebuilder:object:root=true
type AttributionDatabaseList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []AttributionDatabase `json:"items"`
}

// AttributionDatabaseSpec declares where the database is and how it is used.
type AttributionDatabaseSpec struct {
	// secretRef names the Secret with the connection URI:
	// postgresql://user:password@host:5432/database.
	//
	// +required
	SecretRef URISecretReference `json:"secretRef"`

	// tls decides how the connection is protected, whatever the URI says of it. Unset: the URI's
	// sslmode decides, and without one the connection is encrypted if the server can, and nothing
	// is verified.
	//
	// +optional
	TLS *TLS `json:"tls,omitempty"`

	// schema is where the operator's tables live. It is created if it does not exist, and cannot be
	// changed later.
	//
	// +optional
	// +kubebuilder:default=referral
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z_][a-z0-9_]{0,62}$`
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z_][a-z0-9_]{0,62}$') && self != 'public' && self != 'information_schema' && !self.startsWith('pg_')",message="must be a plain Postgres identifier: lower-case letters, digits and '_', beginning with a letter or '_'; neither public nor information_schema nor anything that begins with pg_"
	// +kubebuilder:validation:XValidation:rule="!(self in ['all', 'analyse', 'analyze', 'and', 'any', 'array', 'as', 'asc', 'asymmetric', 'authorization', 'binary', 'both', 'case', 'cast', 'check', 'collate', 'collation', 'column', 'concurrently', 'constraint', 'create', 'cross', 'current_catalog', 'current_date', 'current_role', 'current_schema', 'current_time', 'current_timestamp', 'current_user', 'default', 'deferrable', 'desc', 'distinct', 'do', 'else', 'end', 'except', 'false', 'fetch', 'for', 'foreign', 'freeze', 'from', 'full', 'grant', 'group', 'having', 'ilike', 'in', 'initially', 'inner', 'intersect', 'into', 'is', 'isnull', 'join', 'lateral', 'leading', 'left', 'like', 'limit', 'localtime', 'localtimestamp', 'natural', 'not', 'notnull', 'null', 'offset', 'on', 'only', 'or', 'order', 'outer', 'overlaps', 'placing', 'primary', 'references', 'returning', 'right', 'select', 'session_user', 'similar', 'some', 'symmetric', 'system_user', 'table', 'tablesample', 'then', 'to', 'trailing', 'true', 'union', 'unique', 'user', 'using', 'variadic', 'verbose', 'when', 'where', 'window', 'with'])",message="must not be a word that SQL reserves: it would have to be quoted in every statement"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="schema is immutable; delete this AttributionDatabase and create another to use another schema"
	Schema string `json:"schema,omitempty"`

	// attribution picks the touch that a signup without a code that names a link is attributed to.
	//
	// +optional
	// +kubebuilder:default=LastTouch
	Attribution AttributionModel `json:"attribution,omitempty"`

	// retention is how long facts are kept that no decision needs any more. Unset: all are kept.
	//
	// +optional
	Retention *Retention `json:"retention,omitempty"`

	// roles are existing Postgres roles that are granted the schema. The grant is revoked when a
	// role leaves its list.
	//
	// +optional
	Roles *DatabaseRoles `json:"roles,omitempty"`

	// verifyInterval is how often the ledger is verified: whether credits, entries, balances and
	// counters agree with each other.
	//
	// +optional
	// +kubebuilder:default="24h"
	VerifyInterval *Duration `json:"verifyInterval,omitempty"`

	// maxConnections is the most connections one replica of the operator holds to this database.
	//
	// +optional
	// +kubebuilder:default=8
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=100
	MaxConnections int32 `json:"maxConnections,omitempty"`

	// suspend stops all campaigns of the database: nothing is granted, reversed or migrated until
	// it is false again. The application goes on recording facts, and no fact is lost. Status is
	// still updated. The annotation referral-operator.io/suspend does the same, whatever this field
	// says.
	//
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// Retention is how long facts are kept.
type Retention struct {
	// touches is how long touches are kept, counted from their time. Older ones are deleted in small
	// steps, once a day, except those within the longest attributionWindow of any campaign and those
	// that a signup is attributed to. The counts of a link's touches stay. Unset: touches are kept.
	//
	// +optional
	Touches *Duration `json:"touches,omitempty"`
}

// AttributionModel is which of several touches wins.
//
// +kubebuilder:validation:Enum=LastTouch;FirstTouch
type AttributionModel string

const (
	// LastTouch attributes a signup to the latest of its touches.
	LastTouch AttributionModel = "LastTouch"
	// FirstTouch attributes a signup to the earliest of its touches.
	FirstTouch AttributionModel = "FirstTouch"
)

// TLS decides how connections to the database are protected.
//
// +kubebuilder:validation:XValidation:rule="!has(self.caSecretRef) || self.mode != 'Disable'",fieldPath=".caSecretRef",message="caSecretRef may only be set with mode VerifyFull or Require: there are no certificates with Disable"
type TLS struct {
	// mode is VerifyFull (encrypted, certificate and host name verified), Require (encrypted; the
	// certificate verified if there is a caSecretRef, the host name never) or Disable (in the
	// clear).
	//
	// +optional
	// +kubebuilder:default=VerifyFull
	Mode TLSMode `json:"mode,omitempty"`

	// caSecretRef names the Secret with the certificate authorities to trust. Unset: VerifyFull
	// trusts the system's.
	//
	// +optional
	CASecretRef *CASecretReference `json:"caSecretRef,omitempty"`
}

// TLSMode is how much of the server's identity is verified.
//
// +kubebuilder:validation:Enum=VerifyFull;Require;Disable
type TLSMode string

const (
	// TLSVerifyFull encrypts, and verifies the server's certificate and host name.
	TLSVerifyFull TLSMode = "VerifyFull"
	// TLSRequire encrypts, and verifies the server's certificate if there are authorities to verify
	// it with.
	TLSRequire TLSMode = "Require"
	// TLSDisable connects in the clear.
	TLSDisable TLSMode = "Disable"
)

// DatabaseRoles are existing Postgres roles and what they may do.
type DatabaseRoles struct {
	// writers may record facts, and read facts, results and what is declared, but not the engine's own
	// tables: the application's roles.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Writers []RoleName `json:"writers,omitempty"`

	// readers may read facts, results and what is declared, but not the engine's own tables.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Readers []RoleName `json:"readers,omitempty"`
}

// RoleName is the name of an existing Postgres role, spelled as in pg_roles.
//
// "public" and "none" are refused because Postgres takes them for keywords even where they are
// quoted: a grant to "public" would reach every role.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="self.matches('^[!-~]([ -~]*[!-~])?$') && self != 'public' && self != 'none' && !self.startsWith('pg_')",message="must be the name of an existing Postgres role, in printable ASCII; neither public nor none nor anything that begins with pg_"
type RoleName string

// AttributionDatabaseStatus is what the operator last saw of the database.
type AttributionDatabaseStatus struct {
	// observedGeneration is the newest generation of the spec that is in force, or that can never
	// be; -1 until then.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// serverVersion is the version of the Postgres server, as the server reports it.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=512
	ServerVersion string `json:"serverVersion,omitempty"`

	// schemaVersion is the number of the last migration applied to the schema.
	//
	// +optional
	SchemaVersion int64 `json:"schemaVersion"`

	// owner is the namespace and name of the AttributionDatabase that owns the schema.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=320
	Owner string `json:"owner,omitempty"`

	// pendingChanges is how many changes of facts are waiting to be decided, counted up to 10,000.
	//
	// +optional
	PendingChanges int64 `json:"pendingChanges"`

	// oldestPendingChange is when the oldest pending change was enqueued; absent when none is
	// pending.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	OldestPendingChange *metav1.Time `json:"oldestPendingChange,omitempty"`

	// setAside is how many referees have facts that could not be decided; table set_aside has the
	// causes.
	//
	// +optional
	SetAside int64 `json:"setAside"`

	// verification is the result of the last verification of the ledger.
	//
	// +optional
	Verification *Verification `json:"verification,omitempty"`

	// conditions: Ready always; LedgerConsistent once verified; the others only while true.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:01Z') && c.lastTransitionTime <= timestamp('9999-12-31T23:59:59Z'))",message="each lastTransitionTime must be a time from the years 1 to 9999, such as 2026-11-01T00:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Verification is the result of a verification of the ledger.
type Verification struct {
	// lastTime is when the last verification ended.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`
	LastTime *metav1.Time `json:"lastTime,omitempty"`

	// violations is how many rows, or sums of rows, it found that contradict each other.
	//
	// +optional
	Violations int64 `json:"violations"`

	// examples are at most five of them, those of different rules first.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Examples []Violation `json:"examples,omitempty"`

	// progress is how far the verification has come that is running now. Unset: none is running.
	//
	// +optional
	Progress *VerificationProgress `json:"progress,omitempty"`

	// lastHandledVerifyAt is the annotation referral-operator.io/verifyRequestedAt that was answered
	// last.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	LastHandledVerifyAt string `json:"lastHandledVerifyAt,omitempty"`
}

// Violation is a row, or a sum of rows, that contradicts others.
type Violation struct {
	// rule that is violated, in words.
	//
	// +required
	// +kubebuilder:validation:MaxLength=512
	Rule string `json:"rule"`

	// key of the row: campaign, user, purchase, beneficiary or currency, as the rule says.
	//
	// +required
	// +kubebuilder:validation:MaxLength=512
	Key string `json:"key"`

	// detail is what was expected and what was found.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Detail string `json:"detail,omitempty"`
}

// VerificationProgress is how far a verification has come.
type VerificationProgress struct {
	// verified is how many referees have been verified.
	//
	// +optional
	Verified int64 `json:"verified"`

	// total is about how many referees there are.
	//
	// +optional
	Total int64 `json:"total"`
}

// GetConditions returns the conditions of the status.
func (d *AttributionDatabase) GetConditions() []metav1.Condition { return d.Status.Conditions }

// SetConditions replaces the conditions of the status.
func (d *AttributionDatabase) SetConditions(conditions []metav1.Condition) {
	d.Status.Conditions = conditions
}

// GetObservedGeneration returns the newest generation that is in force, or can never be; -1: none.
func (d *AttributionDatabase) GetObservedGeneration() int64 { return d.Status.ObservedGeneration }

// SetObservedGeneration sets the newest generation that is in force, or can never be.
func (d *AttributionDatabase) SetObservedGeneration(generation int64) {
	d.Status.ObservedGeneration = generation
}

// Suspended reports whether spec.suspend or SuspendAnnotation suspends the database.
func (d *AttributionDatabase) Suspended() bool { return d.Spec.Suspend || SuspendedByAnnotation(d) }
