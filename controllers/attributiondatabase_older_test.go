package controllers_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// newUpgrade is a shop whose operator has ended, and whose schema has the version before
// pending_up_to, which the next operator's report calls.
func newUpgrade(t *testing.T, spec string) (*world, *testworld.Database) {
	t.Helper()
	w := newWorld(t)
	own := w.newDatabase()
	w.secret("shop-db", map[string]string{"uri": own.URI})
	w.apply(shopYAML)
	adb := w.adb("shop")
	w.awaitReady(adb)
	w.patch("adb", "shop", spec)
	await(w, adb, "observed", func(d *v1alpha1.AttributionDatabase) bool { return d.Status.ObservedGeneration == d.Generation })
	w.shop(own, oneFriend)
	await(w, adb, "changes are pending if it is suspended", func(d *v1alpha1.AttributionDatabase) bool {
		return !d.Spec.Suspend || d.Status.PendingChanges == 3
	})
	w.stop()
	w.endHosts()
	w.sql(own, `ALTER FUNCTION referral.pending_up_to(xid8) RENAME TO later; UPDATE referral.meta SET schema_version = 13;
		UPDATE referral.owner SET heartbeat_at = heartbeat_at - interval '1 hour'`)
	w.startRegistry()
	return w, own
}

func TestOwnershipOfAnOlderSchemaIsGivenUp(t *testing.T) {
	t.Parallel()
	w, own := newUpgrade(t, `{"suspend":false}`)
	adb := w.adb("shop")
	check(t, w.client.Delete(t.Context(), adb))
	w.startManager()
	w.awaitGone(adb)
	if value[bool](w, own, "SELECT released_at IS NULL FROM referral.owner") {
		t.Error("the ownership was not given up")
	}
}

// A suspended database is not migrated, so its schema stays older than the operator for long.
func TestSuspendedDatabaseOwnsItsOlderSchema(t *testing.T) {
	t.Parallel()
	w, own := newUpgrade(t, `{"suspend":true}`)
	adb := w.adb("shop")
	w.startManager()
	w.eventually("connected", func() bool { return w.registry.State(client.ObjectKeyFromObject(adb)).Phase == hosting.Connected })
	w.eventually("a heartbeat", func() bool {
		return value[bool](w, own, "SELECT heartbeat_at > now() - interval '1 minute' FROM referral.owner")
	})
	w.awaitMore(adb, 2)
	w.awaitReason(adb, metav1.ConditionTrue, v1alpha1.SuspendedReason)
	if status := adb.Status; status.Owner != w.namespace+"/shop" || status.SchemaVersion != 13 || status.PendingChanges != 3 {
		t.Errorf("owner %q, version %d, %d changes are pending", status.Owner, status.SchemaVersion, status.PendingChanges)
	}
	check(t, w.client.Delete(t.Context(), adb))
	w.awaitGone(adb)
	if value[bool](w, own, "SELECT released_at IS NULL FROM referral.owner") {
		t.Error("the ownership was not given up")
	}
	if version := value[int](w, own, "SELECT schema_version FROM referral.meta"); version != 13 {
		t.Errorf("the schema was migrated to %d", version)
	}
}

// What a status is read with may be missing from a schema of this version, as after a partial
// restore.
func TestSchemaThatLacksAFunctionIsNotReady(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.sql(own, "ALTER FUNCTION referral.pending_up_to(xid8) RENAME TO gone")
	w.patch("adb", "shop", `{"attribution":"FirstTouch"}`)
	w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.FailedReason)
}
