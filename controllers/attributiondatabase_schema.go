package controllers

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// statementTimeout bounds what only reads: a database that does not answer within it does not answer.
	statementTimeout = 5 * time.Second

	// writeTimeout bounds what waits for batches to end. A batch whose node was lost ends after half a minute.
	writeTimeout = time.Minute

	// migrationTimeout bounds a migration. One that takes longer is begun anew where it stopped.
	migrationTimeout = 5 * time.Minute
)

// schema is one reconcile of one schema: what it should be, what it is, and the way there.
type schema struct {
	reconciler *AttributionDatabaseReconciler
	adb        *v1alpha1.AttributionDatabase
	db         *postgres.DB
	identity   database.Identity

	is database.Status // as last observed
}

func (r *AttributionDatabaseReconciler) schema(adb *v1alpha1.AttributionDatabase, db *postgres.DB) *schema {
	return &schema{reconciler: r, adb: adb, db: db, identity: identityOf(adb, r.installation)}
}

// converge is the list of phases. In the usual case, where nothing differs, it is one query. Roles come last: that one of
// them does not exist keeps nothing else from being done.
func (s *schema) converge(ctx context.Context) error {
	for _, phase := range []func(context.Context) error{
		s.observe, s.checkVersions, s.own, s.suspend, s.migrate, s.own, s.attribute, s.closeAbsent, s.resume, s.report, s.grant,
	} {
		if err := phase(ctx); err != nil {
			return err
		}
	}
	return nil
}

// observe reads all that is of interest. Of a schema that is not there, or is of other versions, it reads the versions.
func (s *schema) observe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	status, err := database.ReadStatus(ctx, s.db)
	if postgres.Classify(err) == postgres.ClassMissingObject {
		status = database.Status{}
		status.SchemaVersion, status.RulesVersion, err = database.ReadVersions(ctx, s.db)
	}
	if err != nil {
		return err
	}
	s.is = status
	return nil
}

func (s *schema) versions() database.Versions {
	return database.Versions{Schema: s.is.SchemaVersion, Rules: s.is.RulesVersion}
}

// current says whether the schema is of the versions that this binary writes.
func (s *schema) current() bool { return s.versions() == database.Known() }

// checkVersions keeps away from a schema that a newer binary made. Conditions: SchemaTooNew, which is Stalled.
func (s *schema) checkVersions(context.Context) error { return database.CheckVersions(s.versions()) }

// own makes us the owner, unless there is no schema yet. Conditions: OwnedByAnother.
func (s *schema) own(ctx context.Context) error {
	if s.is.SchemaVersion == 0 || s.owned() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	claimed, err := database.Claim(ctx, s.db, s.identity, s.adb.Annotations[v1alpha1.TakeOverAnnotation])
	if other, found := errors.AsType[*database.ErrOwnedByAnother](err); found {
		s.adb.Status.Owner = other.Owner.Name
	}
	if err != nil {
		return err
	}
	if claimed.TookOver {
		s.reconciler.reporter.tookOver(s.adb, claimed.From)
	}
	return s.observe(ctx)
}

func (s *schema) owned() bool {
	return s.is.Owner.Identity == s.identity && s.is.Owner.ReleasedAt.IsZero()
}

// suspend comes before everything that could take a while: once it is done no batch commits.
func (s *schema) suspend(ctx context.Context) error {
	if s.is.SchemaVersion == 0 || !s.adb.Spec.Suspend || s.is.Suspended {
		return nil
	}
	return s.setSuspended(ctx, true)
}

// resume comes when everything that decides about credits is as it should be.
func (s *schema) resume(ctx context.Context) error {
	if s.adb.Spec.Suspend || !s.is.Suspended {
		return nil
	}
	return s.setSuspended(ctx, false)
}

func (s *schema) setSuspended(ctx context.Context, suspended bool) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if _, err := database.SetSuspended(ctx, s.db, s.identity.UID, s.adb.Generation, suspended); err != nil {
		return err
	}
	s.is.Suspended = suspended
	return nil
}

// migrate creates the schema or brings it to this binary's versions. Conditions: MigrationFailed.
func (s *schema) migrate(ctx context.Context) error {
	if s.current() || s.adb.Spec.Suspend {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, migrationTimeout)
	defer cancel()
	if _, err := database.Migrate(limited, s.db); err != nil {
		return &migrationError{err: err}
	}
	s.reconciler.granted.forget(client.ObjectKeyFromObject(s.adb)) // new tables, or a new schema
	return s.observe(ctx)
}

// attribute declares which touch wins.
func (s *schema) attribute(ctx context.Context) error {
	model := database.AttributionModel(s.adb.Spec.Attribution)
	if !s.current() || s.is.Attribution == model {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	_, err := database.SetAttribution(ctx, s.db, s.identity.UID, s.adb.Generation, model)
	return err
}

// closeAbsent closes the campaigns whose objects are gone: they attribute no signup and admit no pair any more. It reverses
// nothing. One that was deleted before our eyes is closed at once; one that is only absent after absenceGrace.
//
// That a campaign is not in our cache is not enough, and neither is that one of its name exists: it has to refer to this
// database. One that is being deleted is attended to by its own reconciler as long as its object is there.
func (s *schema) closeAbsent(ctx context.Context) error {
	if !s.current() {
		return nil
	}
	present, err := s.reconciler.campaignNames(ctx, s.adb)
	if err != nil {
		return err
	}
	for _, declared := range s.is.Campaigns {
		deleted := s.reconciler.absence.wasSeen(client.ObjectKey{Namespace: s.adb.Namespace, Name: declared.Name}, declared.UID)
		if declared.Mode == database.Closed || present[declared.Name] || !deleted && !s.reconciler.absence.graceOver(s.adb) {
			continue
		}
		gone, err := s.reconciler.isGone(ctx, s.adb, declared.Name)
		if err != nil {
			return err
		}
		if !gone {
			continue
		}
		if err := s.closeCampaign(ctx, declared, deleted); err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) closeCampaign(ctx context.Context, declared database.CampaignStatus, deleted bool) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if deleted {
		return database.DeleteCampaign(ctx, s.db, s.identity.UID, declared.Name, declared.UID)
	}
	return database.CloseCampaign(ctx, s.db, s.identity.UID, declared.Name, declared.UID)
}

// report puts what was observed into status, and wakes the campaigns whose counters moved.
func (s *schema) report(context.Context) error {
	status := &s.adb.Status
	status.ServerVersion = s.is.ServerVersion
	status.SchemaVersion = int64(s.is.SchemaVersion)
	status.Owner = s.is.Owner.Name
	status.PendingChanges = s.is.PendingChanges
	status.SetAside = s.is.SetAside
	status.OldestPendingChange = timeOf(s.is.OldestPendingChange)

	name := client.ObjectKeyFromObject(s.adb)
	was, _ := s.reconciler.registry.Report(name)
	s.reconciler.registry.SetReport(name, s.is)
	for campaign := range differing(was.Campaigns, s.is.Campaigns) {
		s.reconciler.moved.Add(client.ObjectKey{Namespace: s.adb.Namespace, Name: campaign})
	}
	return nil
}

// grant gives the roles of the spec their rights, and takes them from those that left it. Conditions: RoleNotFound,
// PermissionDenied.
func (s *schema) grant(ctx context.Context) error {
	memory, name, what := s.reconciler.granted, client.ObjectKeyFromObject(s.adb), granted{source: sourceOf(s.adb), db: s.db}
	if !s.current() || memory.recently(name, what) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := database.GrantRoles(ctx, s.db, rolesOf(s.adb)); err != nil {
		return err
	}
	memory.remember(name, what)
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

// differing names the campaigns that are not the same on both sides, or only on one.
func differing(was, is []database.CampaignStatus) map[string]struct{} {
	names := map[string]struct{}{}
	before := map[string]database.CampaignStatus{}
	for _, campaign := range was {
		before[campaign.Name] = campaign
		names[campaign.Name] = struct{}{}
	}
	for _, campaign := range is {
		names[campaign.Name] = struct{}{}
		if earlier, ok := before[campaign.Name]; ok && reflect.DeepEqual(earlier, campaign) {
			delete(names, campaign.Name)
		}
	}
	return names
}

// timeOf is a time as status has it, in whole seconds; nil for the zero time.
func timeOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t.Truncate(time.Second)}
}

// migrationError says that the schema could not be brought to this binary's versions.
type migrationError struct{ err error }

func (e *migrationError) Error() string { return fmt.Sprintf("while migrating: %v", e.err) }
func (e *migrationError) Unwrap() error { return e.err }
