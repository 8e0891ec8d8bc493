package controllers

import (
	"errors"
	"fmt"
	"time"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// reasons are what errors of a database are called in conditions.
var reasons = map[postgres.Class]string{
	postgres.ClassUnreachable:           v1alpha1.UnreachableReason,
	postgres.ClassCertificateNotTrusted: v1alpha1.CertificateNotTrustedReason,
	postgres.ClassAuthenticationFailed:  v1alpha1.AuthenticationFailedReason,
	postgres.ClassPermissionDenied:      v1alpha1.PermissionDeniedReason,
	postgres.ClassDatabaseNotFound:      v1alpha1.DatabaseNotFoundReason,
}

// explain turns what the registry or the database said into a condition, which has the reason otherwise when nothing more
// is known. It is the only place where that is decided.
func (r *AttributionDatabaseReconciler) explain(adb *v1alpha1.AttributionDatabase, err error, otherwise string) error {
	var (
		owned      *database.ErrOwnedByAnother
		tooNew     *database.ErrSchemaTooNew
		noRoles    *database.ErrRolesNotFound
		notGranted *postgres.ErrNotGranted
		migration  *migrationError
		refused    *settingsError
	)
	wait := func(reason string) error {
		return &waitingError{reason: reason, after: recheckInterval, err: errors.New(postgres.Message(err))}
	}
	reason, classified := reasons[postgres.Classify(err)]
	switch {
	case errors.Is(err, hosting.ErrNotHosted), errors.Is(err, hosting.ErrConnecting):
		return &waitingError{reason: v1alpha1.ConnectingReason, after: recheckInterval, shown: unlessInForce, err: err}
	case errors.Is(err, database.ErrStale):
		return &waitingError{after: staleInterval, shown: never, err: err}
	case errors.As(err, &refused):
		return &waitingError{reason: refused.reason, after: recheckInterval, err: refused}
	case errors.As(err, &owned):
		return r.explainOwner(adb, owned)
	case errors.As(err, &tooNew):
		return &stalledError{reason: v1alpha1.SchemaTooNewReason, recheck: recheckInterval, err: tooNew}
	case errors.As(err, &noRoles):
		return wait(v1alpha1.RoleNotFoundReason)
	case errors.As(err, &notGranted):
		return wait(v1alpha1.PermissionDeniedReason)
	case classified:
		return wait(reason)
	case errors.As(err, &migration):
		return wait(v1alpha1.MigrationFailedReason)
	default:
		return wait(otherwise)
	}
}

// explainOwner tells whose the schema is, and what can be done about it. Only an earlier object of the same name in the
// same installation, as in a rebuilt cluster, makes way by itself.
func (r *AttributionDatabaseReconciler) explainOwner(adb *v1alpha1.AttributionDatabase, other *database.ErrOwnedByAnother) error {
	owner := other.Owner
	line := fmt.Sprintf("kubectl -n %s annotate attributiondatabase %s --overwrite %s=%s",
		adb.Namespace, adb.Name, v1alpha1.TakeOverAnnotation, owner.UID)
	identity := identityOf(adb, r.installation)
	if owner.Installation == identity.Installation && owner.Name == identity.Name {
		return &waitingError{
			reason: v1alpha1.OwnedByAnotherReason, after: recheckInterval,
			err: fmt.Errorf("schema %s is owned by an earlier %s (uid %s), last alive at %s; it is taken over when that is five "+
				"minutes ago, or at once with: %s", adb.Spec.Schema, owner.Name, owner.UID,
				owner.HeartbeatAt.UTC().Format(time.RFC3339), line),
		}
	}
	return &stalledError{
		reason: v1alpha1.OwnedByAnotherReason, recheck: recheckInterval,
		err: fmt.Errorf("schema %s is owned by AttributionDatabase %s of installation %s (uid %s); if that is no longer in use, "+
			"take over with: %s", adb.Spec.Schema, owner.Name, owner.Installation, owner.UID, line),
	}
}
