package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// databaseScope is one reconcile of an AttributionDatabase.
type databaseScope struct {
	adb      *v1alpha1.AttributionDatabase
	name     types.NamespacedName
	identity database.Identity
	host     hosting.State // as last observed by observeHost
	unused   bool          // it is being deleted, and no campaign refers to it any more
	success  success

	db     *postgres.DB       // set while the phases of the schema run
	schema database.Status    // as last observed by observeSchema
	moment hosting.Moment     // before that
	quiet  bool               // it was observed by an earlier reconcile, and nothing has happened since
	wrote  bool               // it has begun to write something that a report shows
	stale  *database.ErrStale // a setting is older than what is in force; nil: none
}

// newScope returns a scope that knows the state of the database in this process.
func (r *AttributionDatabaseReconciler) newScope(adb *v1alpha1.AttributionDatabase) *databaseScope {
	name := client.ObjectKeyFromObject(adb)
	s := &databaseScope{
		adb:      adb,
		name:     name,
		identity: identityOf(adb, r.installation),
		host:     r.registry.State(name),
		success:  success{reason: v1alpha1.ReadyReason, message: "facts are being decided", requeueAfter: r.statusInterval},
	}
	if adb.Suspended() {
		s.success.reason = v1alpha1.SuspendedReason
		s.success.message = "nothing is decided or migrated until " + resumption(adb, adb.Spec.Suspend, "")
	}
	return s
}

// current reports whether the schema has the versions that this binary writes.
func (s *databaseScope) current() bool { return s.schema.Versions == database.Known() }

// writing begins a write of something that a report shows, and bounds it. The write may take effect
// even if it ends with an error.
func (s *databaseScope) writing(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	s.wrote = true
	return context.WithTimeout(ctx, timeout)
}

// owned reports whether this object owns the schema.
func (s *databaseScope) owned() bool {
	return s.schema.Owner.Identity == s.identity && s.schema.Owner.ReleasedAt.IsZero()
}

// superseded reports whether a later generation of the object is in force, so that this one declares
// no settings.
func (s *databaseScope) superseded() bool { return s.stale != nil }
