package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// statementTimeout bounds reads.
	statementTimeout = 5 * time.Second

	// writeTimeout bounds writes, which wait for batches to end. The batch of a lost node ends
	// after half a minute.
	writeTimeout = time.Minute

	// migrationTimeout bounds one attempt to migrate. The next attempt continues where this one
	// stopped.
	migrationTimeout = 5 * time.Minute
)

// convergeSchema makes the schema what the spec says and reports what is in it.
//
// Conditions: those of its phases, and those of explain and explainStale.
func (r *AttributionDatabaseReconciler) convergeSchema(ctx context.Context, s *databaseScope) error {
	if err := r.prepare(ctx, s, r.schemaPhases()...); err != nil {
		return r.explain(s, err, v1alpha1.FailedReason)
	}
	if s.stale != nil {
		return explainStale(ctx, r.live, s.adb, s.stale.InForce, "attribution, suspend, retention and roles of its spec are", "")
	}
	return nil
}

// prepare runs phases on the connections of the database. After a write the engine polls at once, and
// no later reconcile decides by a report that is older than the write.
func (r *AttributionDatabaseReconciler) prepare(ctx context.Context, s *databaseScope, phases ...phase[*databaseScope]) error {
	defer func() {
		if s.wrote {
			r.registry.Stir(s.name)
		}
	}()
	return r.registry.Prepare(withReconcileID(ctx), s.name, func(ctx context.Context, db *postgres.DB) error {
		s.db = db
		return runPhases(ctx, s, phases)
	})
}

// awaitSlot is how a reconcile ends whose database is slow, and has to wait until other slow ones are
// done. A wait that lasts shows as reason while an edit of the spec is not in force.
func (r *AttributionDatabaseReconciler) awaitSlot(s *databaseScope, reason string, err error) error {
	if r.refused.lasts(s.name, r.now()) < outagePatience {
		return r.retries.busy(s.name, err)
	}
	return r.retries.longBusy(s.name, reason, err)
}

// keepStale lets the other phases go on where a setting is older than what is in force: campaigns
// are declared and reported on all the same.
func (s *databaseScope) keepStale(err error) error {
	if stale, ok := errors.AsType[*database.ErrStale](err); ok {
		s.stale = stale
		return nil
	}
	return err
}

// schemaPhases returns the steps that make a schema what the spec says. Each writes only what
// differs: where nothing does, all of them are one query. Roles come last, so that a role that does
// not exist holds up nothing else.
func (r *AttributionDatabaseReconciler) schemaPhases() []phase[*databaseScope] {
	return []phase[*databaseScope]{
		r.observeSchema,
		r.checkVersions,
		r.takeOwnership,
		r.suspend,
		r.migrate,
		r.takeOwnership, // of a schema that has just been created
		r.useUpPermission,
		r.declareAttribution,
		r.declareRetention,
		r.closeAbsentCampaigns,
		r.resume,
		r.reportSchema,
		r.warnOfPrivilege,
		r.grantRoles,
	}
}

// observeSchema reads everything of interest with one query, unless nothing has happened in the
// database since it was last read, and this reconcile has written nothing. Where the schema does not
// exist, or has other versions, it may read the versions and the owner alone. A schema of these
// versions that lacks something is an error.
func (r *AttributionDatabaseReconciler) observeSchema(ctx context.Context, s *databaseScope) error {
	s.quiet = false
	if !s.wrote {
		if s.schema, s.quiet = r.registry.QuietReport(s.name); s.quiet {
			return nil
		}
	}
	s.moment = r.registry.Moment(s.name)
	gone := r.absence.goneFrom(s.name)
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	status, err := database.ReadStatus(ctx, s.db)
	if missing := err; postgres.Classify(missing) == postgres.ClassMissingObject {
		if status, err = database.ReadOwnership(ctx, s.db); err == nil && status.Versions == database.Known() {
			err = missing
		}
	}
	if err != nil {
		return err
	}
	s.schema = status
	if s.current() {
		r.absence.forgetUndeclared(s.name, gone, status.Campaigns)
	}
	return nil
}

// checkVersions refuses a schema that a newer binary has migrated. Conditions: SchemaTooNew, which
// is Stalled.
func (r *AttributionDatabaseReconciler) checkVersions(_ context.Context, s *databaseScope) error {
	return database.CheckVersions(s.schema.Versions)
}

// takeOwnership makes this object the owner of the schema, once there is one, and records that the
// generation of its spec is in force, unless a later one is.
//
// Conditions: OwnedByAnother.
func (r *AttributionDatabaseReconciler) takeOwnership(ctx context.Context, s *databaseScope) error {
	if s.schema.Versions.Schema == 0 {
		return nil
	}
	if !s.owned() {
		if err := r.claim(ctx, s); err != nil {
			return err
		}
	}
	return s.recordGeneration(ctx)
}

func (r *AttributionDatabaseReconciler) claim(ctx context.Context, s *databaseScope) error {
	limited, cancel := s.writing(ctx, writeTimeout)
	defer cancel()
	claimed, err := database.Claim(limited, s.db, s.identity, s.adb.Annotations[v1alpha1.TakeOverAnnotation])
	if other, found := errors.AsType[*database.ErrOwnedByAnother](err); found {
		s.adb.Status.Owner = other.Owner.Name
	}
	if err != nil {
		return err
	}
	s.adb.Status.Owner = s.identity.Name // known even if what follows fails: a deletion then gives the schema up
	if claimed.TookOver {
		r.reporter.events.note(ctx, s.adb, corev1.EventTypeNormal, "TookOver", fmt.Sprintf("took schema %s over from %s of installation %s (uid %s)",
			s.adb.Spec.Schema, claimed.From.Name, claimed.From.Installation, claimed.From.UID))
	}
	return r.observeSchema(ctx, s)
}

// recordGeneration precedes all settings: none of a generation below the one in force is declared.
func (s *databaseScope) recordGeneration(ctx context.Context) error {
	inForce := s.schema.Owner.Generation
	if inForce > s.adb.Generation {
		s.stale = &database.ErrStale{InForce: inForce}
	}
	if inForce >= s.adb.Generation {
		return nil
	}
	ctx, cancel := s.writing(ctx, writeTimeout)
	defer cancel()
	if err := database.RecordGeneration(ctx, s.db, s.identity.UID, s.adb.Generation); err != nil {
		return s.keepStale(err)
	}
	s.schema.Owner.Generation = s.adb.Generation
	return nil
}

// useUpPermission removes the permission to take the schema over, which the owner has used. Else
// this object would take the schema back from another one that takes it over later, and so on for
// ever.
func (r *AttributionDatabaseReconciler) useUpPermission(ctx context.Context, s *databaseScope) error {
	if _, permitted := s.adb.Annotations[v1alpha1.TakeOverAnnotation]; !permitted || !s.owned() {
		return nil
	}
	// A copy, since the write replaces the object's status by that of the API server.
	err := patchMetadata(ctx, r.client, s.adb.DeepCopy(), map[string]any{"annotations": map[string]any{v1alpha1.TakeOverAnnotation: nil}})
	if _, written := errors.AsType[*waitingError](err); written {
		return nil // the object was written meanwhile, so it is reconciled again
	}
	if err != nil {
		return fmt.Errorf("while removing the annotation %s: %w", v1alpha1.TakeOverAnnotation, err)
	}
	return nil
}

// suspend precedes all phases that could take long. After it no batch commits.
func (r *AttributionDatabaseReconciler) suspend(ctx context.Context, s *databaseScope) error {
	if s.schema.Versions.Schema == 0 || s.superseded() || !s.adb.Suspended() || s.schema.Suspended {
		return nil
	}
	return setSuspended(ctx, s, true)
}

// resume follows all phases that bear on decisions.
func (r *AttributionDatabaseReconciler) resume(ctx context.Context, s *databaseScope) error {
	if s.superseded() || s.adb.Suspended() || !s.schema.Suspended {
		return nil
	}
	if err := confirmResumption(ctx, r.live, s.adb); err != nil {
		return err
	}
	return setSuspended(ctx, s, false)
}

func setSuspended(ctx context.Context, s *databaseScope, suspended bool) error {
	ctx, cancel := s.writing(ctx, writeTimeout)
	defer cancel()
	if err := database.SetSuspended(ctx, s.db, s.identity.UID, s.adb.Generation, suspended); err != nil {
		return s.keepStale(err)
	}
	s.schema.Suspended = suspended
	return nil
}

// migrate creates the schema, or brings it to this binary's versions. Whether an older schema is
// suspended may not be readable, so the API server itself is asked before. Conditions:
// MigrationFailed.
func (r *AttributionDatabaseReconciler) migrate(ctx context.Context, s *databaseScope) error {
	if s.current() || s.adb.Suspended() {
		return nil
	}
	if err := confirmResumption(ctx, r.live, s.adb); err != nil {
		return err
	}
	limited, cancel := s.writing(ctx, migrationTimeout)
	defer cancel()
	if err := database.Migrate(limited, s.db); err != nil {
		return &migrationError{err: err}
	}
	r.granted.forget(s.name) // a migration may add tables
	return r.observeSchema(ctx, s)
}

// declareAttribution declares which touch wins.
func (r *AttributionDatabaseReconciler) declareAttribution(ctx context.Context, s *databaseScope) error {
	model := database.AttributionModel(s.adb.Spec.Attribution)
	if !s.current() || s.superseded() || s.schema.Attribution == model {
		return nil
	}
	ctx, cancel := s.writing(ctx, writeTimeout)
	defer cancel()
	return s.keepStale(database.SetAttribution(ctx, s.db, s.identity.UID, s.adb.Generation, model))
}

// declareRetention declares how long touches are kept. A shorter time of an old spec would delete
// touches.
func (r *AttributionDatabaseReconciler) declareRetention(ctx context.Context, s *databaseScope) error {
	var kept time.Duration
	if retention := s.adb.Spec.Retention; retention != nil && retention.Touches != nil {
		kept = retention.Touches.Duration
	}
	if !s.current() || s.superseded() || s.schema.TouchRetention == kept {
		return nil
	}
	ctx, cancel := s.writing(ctx, writeTimeout)
	defer cancel()
	return s.keepStale(database.SetTouchRetention(ctx, s.db, s.identity.UID, s.adb.Generation, kept))
}

// warnOfPrivilege reports a user that may become a superuser, which leaves Ready as it is. It reads
// the user's rights as often as grantRoles those of other roles.
//
// Conditions: PrivilegedRole.
func (r *AttributionDatabaseReconciler) warnOfPrivilege(ctx context.Context, s *databaseScope) error {
	if !s.current() || r.granted.recently(s.name, granted{source: sourceOf(s.adb), db: s.db}) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	privilege, err := database.ReadPrivilege(ctx, s.db)
	if err != nil {
		return err
	}
	if privilege == "" {
		removeCondition(s.adb, v1alpha1.PrivilegedRoleCondition)
		return nil
	}
	setCondition(s.adb, v1alpha1.PrivilegedRoleCondition, metav1.ConditionTrue, v1alpha1.PrivilegedRoleReason,
		"the user of the connection URI "+privilege+": let the operator connect as a user of its own that has no right but CREATE on the database")
	return nil
}

// grantRoles grants the roles of the spec their rights, and revokes those of roles that left it. An
// old spec may lack roles in use.
//
// Conditions: RoleNotFound, PermissionDenied.
func (r *AttributionDatabaseReconciler) grantRoles(ctx context.Context, s *databaseScope) error {
	what := granted{source: sourceOf(s.adb), db: s.db}
	if !s.current() || s.superseded() || r.granted.recently(s.name, what) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := database.GrantRoles(ctx, s.db, s.identity.UID, s.adb.Generation, rolesOf(s.adb)); err != nil {
		return s.keepStale(err)
	}
	r.granted.remember(s.name, what)
	return nil
}

func rolesOf(adb *v1alpha1.AttributionDatabase) database.Roles {
	var roles database.Roles
	if adb.Spec.Roles == nil {
		return roles
	}
	for _, role := range adb.Spec.Roles.Writers {
		roles.Writers = append(roles.Writers, string(role))
	}
	for _, role := range adb.Spec.Roles.Readers {
		roles.Readers = append(roles.Readers, string(role))
	}
	return roles
}

// migrationError is a failed attempt to bring a schema to this binary's versions.
type migrationError struct{ err error }

func (e *migrationError) Error() string { return fmt.Sprintf("while migrating: %v", e.err) }
func (e *migrationError) Unwrap() error { return e.err }
