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

// reasons are the condition reasons of classified database errors.
var reasons = map[postgres.Class]string{
	postgres.ClassUnreachable:           v1alpha1.UnreachableReason,
	postgres.ClassCertificateNotTrusted: v1alpha1.CertificateNotTrustedReason,
	postgres.ClassAuthenticationFailed:  v1alpha1.AuthenticationFailedReason,
	postgres.ClassPermissionDenied:      v1alpha1.PermissionDeniedReason,
	postgres.ClassDatabaseNotFound:      v1alpha1.DatabaseNotFoundReason,
}

// explain turns an error of the registry or the database into one with a condition reason;
// otherwise is the reason when none is known. This is decided nowhere else, except for
// *database.ErrStale.
func (r *AttributionDatabaseReconciler) explain(s *databaseScope, err error, otherwise string) error {
	var (
		owned      *database.ErrOwnedByAnother
		tooNew     *database.ErrSchemaTooNew
		noRoles    *database.ErrRolesNotFound
		notGranted *postgres.ErrNotGranted
		migration  *migrationError
		waits      *waitingError
		refused    *settingsError
	)
	wait := func(reason string) error {
		return &waitingError{reason: reason, requeueAfter: recheckInterval, err: errors.New(postgres.Message(err))}
	}
	class := postgres.Classify(err)
	reason, classified := reasons[class]
	switch {
	case errors.As(err, &waits):
		return waits
	case errors.Is(err, hosting.ErrNotHosted), errors.Is(err, hosting.ErrConnecting):
		return &waitingError{reason: v1alpha1.ConnectingReason, requeueAfter: recheckInterval, shown: unlessInForce, err: err}
	case errors.Is(err, hosting.ErrSlow):
		if s.host.Phase != hosting.Serving {
			return r.awaitSlot(s, v1alpha1.ConnectingReason, err) // no facts are decided, and no campaign can be declared
		}
		return r.awaitSlot(s, v1alpha1.SlowReason, err)
	case errors.As(err, &refused):
		return refused.outcome()
	case errors.As(err, &owned):
		return s.explainOwner(owned.Owner)
	case errors.As(err, &tooNew):
		return &stalledError{reason: v1alpha1.SchemaTooNewReason, requeueAfter: recheckInterval, err: tooNew}
	case class == postgres.ClassUnsupportedServer:
		return &stalledError{reason: v1alpha1.UnsupportedServerReason, requeueAfter: recheckInterval, err: errors.New(postgres.Message(err))}
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

// explainOwner reports the owner of the schema and how to take the schema over. An earlier object
// of the same name in the same installation, as in a rebuilt cluster, is taken over without help;
// every other owner stalls this object.
func (s *databaseScope) explainOwner(owner database.Owner) error {
	line := fmt.Sprintf("kubectl -n %s annotate attributiondatabase %s --overwrite %s=%s",
		s.adb.Namespace, s.adb.Name, v1alpha1.TakeOverAnnotation, owner.UID)
	if owner.Installation == s.identity.Installation && owner.Name == s.identity.Name {
		return &waitingError{
			reason: v1alpha1.OwnedByAnotherReason, requeueAfter: recheckInterval,
			err: fmt.Errorf("schema %s is owned by an earlier %s (uid %s), last heartbeat at %s; the schema is taken over once "+
				"this heartbeat is five minutes old, or at once with: %s", s.adb.Spec.Schema, owner.Name, owner.UID,
				postgres.Representable(owner.HeartbeatAt).Format(time.RFC3339), line),
		}
	}
	return &stalledError{
		reason: v1alpha1.OwnedByAnotherReason, requeueAfter: recheckInterval,
		err: fmt.Errorf("schema %s is owned by AttributionDatabase %s of installation %s (uid %s); if that AttributionDatabase is no longer in use, "+
			"take the schema over with: %s", s.adb.Spec.Schema, owner.Name, owner.Installation, owner.UID, line),
	}
}
