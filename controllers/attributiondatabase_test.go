package controllers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestNewDatabaseIsMigratedOwnedAndGranted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := testworld.NewDatabase(t) // nothing in it
	w.secrets = append(w.secrets, passwordOf(t, own.URI))
	w.secret("shop-db", map[string]string{"uri": own.URI})
	w.apply(shopYAML)
	adb := w.adb("shop")
	w.awaitReady(adb)

	want := v1alpha1.AttributionDatabaseStatus{
		ObservedGeneration: 1,
		ServerVersion:      value[string](w, own, "SELECT split_part(current_setting('server_version'), ' ', 1)"),
		SchemaVersion:      int64(database.SchemaVersion),
		Owner:              w.namespace + "/shop",
		Verification:       adb.Status.Verification, // it may be under way
		Conditions:         adb.Status.Conditions,
	}
	if diff := cmp.Diff(want, adb.Status); diff != "" {
		t.Error(diff)
	}
	if uid := value[string](w, own, "SELECT uid FROM referral.owner WHERE released_at IS NULL"); uid != string(adb.UID) {
		t.Errorf("owned by %s", uid)
	}
	w.shop(own, oneFriend)
	w.exec(own.ReaderURI, "SELECT FROM referral.balance")
}

func TestRolesThatLeaveTheListLoseTheirRights(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.patch("adb", "shop", `{"roles":{"writers":null},"attribution":"FirstTouch"}`)
	w.awaitReady(w.adb("shop"))
	const mayWrite = "SELECT has_table_privilege('shop', 'referral.link', 'INSERT')"
	if value[bool](w, own, mayWrite) {
		t.Error("shop may still write")
	}
	if model := value[string](w, own, "SELECT attribution FROM referral.meta"); model != "FirstTouch" {
		t.Errorf("attribution: %s", model)
	}
}

func TestSuspendedDatabaseIsNotMigrated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := testworld.NewDatabase(t)
	w.secret("shop-db", map[string]string{"uri": own.URI})
	w.apply(strings.Replace(shopYAML, "spec:", "spec:\n  suspend: true", 1))
	w.awaitReason(w.adb("shop"), metav1.ConditionTrue, v1alpha1.SuspendedReason)
	if value[bool](w, own, "SELECT to_regnamespace('referral') IS NOT NULL") {
		t.Error("a schema was made")
	}
	w.patch("adb", "shop", `{"suspend":false}`)
	w.awaitReady(w.adb("shop"))
}

func TestSuspendedDatabaseDecidesFactsWhenResumed(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.eventually("nothing is pending", func() bool { return value[int](w, own, "SELECT count(*)::int FROM referral.change") == 0 })
	w.patch("adb", "shop", `{"suspend":true}`)
	w.awaitReason(w.adb("shop"), metav1.ConditionTrue, v1alpha1.SuspendedReason)
	w.shop(own, oneFriend)
	// Status goes on.
	await(w, w.adb("shop"), "counted", func(d *v1alpha1.AttributionDatabase) bool {
		return d.Status.PendingChanges == 3 && d.Status.OldestPendingChange != nil
	})
	if entries := value[int](w, own, "SELECT count(*)::int FROM referral.ledger"); entries > 0 {
		t.Errorf("%d ledger entries", entries)
	}
	w.patch("adb", "shop", `{"suspend":false}`)
	await(w, w.rcamp("invite-friends"), "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credit == "5.00 USD" })
}

func TestChangedPasswordIsFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := testworld.NewDatabase(t) // with a role of its own
	w.secret("shop-db", map[string]string{"uri": own.URI})
	w.apply(allYAML)
	w.awaitReady(w.rcamp("invite-friends"))

	w.sql(own, `ALTER ROLE "`+own.Operator+`" PASSWORD 'second-password'`)
	w.sql(own, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+own.Operator+"'")
	w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.AuthenticationFailedReason)
	w.secret("shop-db", map[string]string{"uri": strings.Replace(own.URI, passwordOf(t, own.URI), "second-password", 1)})
	w.awaitReady(w.adb("shop"))
	w.secrets = append(w.secrets, passwordOf(t, own.URI), "second-password")

	w.shop(own, oneFriend)
	await(w, w.rcamp("invite-friends"), "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
}

func TestCertificateIsTrustedOnlyFromItsAuthority(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ours, err := testworld.NewAuthority("ours")
	check(t, err)
	theirs, err := testworld.NewAuthority("theirs")
	check(t, err)
	certificate, err := ours.Server("127.0.0.1", "localhost")
	check(t, err)
	server := testworld.NewPostgres(t, testworld.PostgresOptions{Certificate: &certificate})
	own, err := server.CreateDatabase(t.Context())
	check(t, err)
	w.secret("shop-db", map[string]string{"uri": own.URI})
	w.apply(strings.Replace(shopYAML, "spec:", "spec:\n  tls: {mode: VerifyFull, caSecretRef: {name: shop-ca}}", 1))
	adb := w.adb("shop")

	missing := w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.SecretNotFoundReason)
	if !strings.Contains(missing.Message, "spec.tls.caSecretRef") {
		t.Errorf("message: %s", missing.Message)
	}
	w.secret("shop-ca", map[string]string{"ca.crt": string(theirs.PEM())})
	w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.CertificateNotTrustedReason)
	w.secret("shop-ca", map[string]string{"ca.crt": "no certificate"})
	invalid := w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.InvalidURIReason)
	if !strings.Contains(invalid.Message, "spec.tls.caSecretRef") {
		t.Errorf("message: %s", invalid.Message)
	}
	w.secret("shop-ca", map[string]string{"ca.crt": strings.Repeat(string(theirs.PEM()), 600)})
	await(w, adb, "told that it is too large", func(d *v1alpha1.AttributionDatabase) bool {
		ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ReadyCondition)
		return ready != nil && ready.Reason == v1alpha1.InvalidURIReason &&
			strings.Contains(ready.Message, "more than 256 KiB: keep only those that sign the server's certificate")
	})
	w.secret("shop-ca", map[string]string{"ca.crt": string(ours.PEM())})
	w.awaitReady(adb)
}

func TestSchemaHasOneOwner(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.apply(strings.Replace(shopYAML, "name: shop}", "name: rival}", 1))
	rival := w.adb("rival")
	w.awaitReason(rival, metav1.ConditionFalse, v1alpha1.OwnedByAnotherReason)
	if !meta.IsStatusConditionTrue(rival.Status.Conditions, v1alpha1.StalledCondition) {
		t.Error("not Stalled")
	}
	if rival.Status.Owner != w.namespace+"/shop" {
		t.Errorf("status.owner: %s", rival.Status.Owner)
	}
	// Deleting the object that is not the owner leaves the owner its schema.
	check(t, w.client.Delete(t.Context(), rival))
	w.awaitGone(rival)
	w.shop(own, oneFriend)
	await(w, w.rcamp("invite-friends"), "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })

	w.apply(strings.Replace(shopYAML, "name: shop}", "name: rival}", 1))
	refused := w.awaitReason(rival, metav1.ConditionFalse, v1alpha1.OwnedByAnotherReason)
	asTold(w, own, refused.Message)
	w.awaitReady(rival)
	lost := w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.OwnedByAnotherReason)
	if !strings.Contains(lost.Message, w.namespace+"/rival") {
		t.Errorf("message: %s", lost.Message)
	}
}

// Two permissions that name each other would take the schema back for ever.
func TestPermissionToTakeOverIsUsedUp(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.apply(strings.Replace(shopYAML, "name: shop}", "name: rival, annotations: {example.com/team: growth}}", 1))
	for _, name := range []string{"rival", "shop", "rival"} {
		asTold(w, own, w.awaitReason(w.adb(name), metav1.ConditionFalse, v1alpha1.OwnedByAnotherReason).Message)
		await(w, w.adb(name), "owner, without the permission", func(d *v1alpha1.AttributionDatabase) bool {
			_, permitted := d.Annotations[v1alpha1.TakeOverAnnotation]
			return !permitted && meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ReadyCondition)
		})
	}
	owner := value[string](w, own, "SELECT name FROM referral.owner")
	if owner != w.namespace+"/rival" {
		t.Errorf("the owner is %s", owner)
	}
	rival := w.adb("rival")
	check(w, w.client.Get(w.Context(), client.ObjectKeyFromObject(rival), rival))
	if rival.Annotations["example.com/team"] != "growth" {
		t.Errorf("of the annotations %v are left", rival.Annotations)
	}
}

// The campaigns of the owner before have objects that refer to another database. They are closed
// after the grace, and none of them counts as deleted.
func TestSchemaThatIsGivenBackHasItsCampaignsAgain(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.apply(strings.Replace(shopYAML, "name: shop}", "name: rival}", 1))
	takeOver := func(name string) {
		t.Helper()
		asTold(w, own, w.awaitReason(w.adb(name), metav1.ConditionFalse, v1alpha1.OwnedByAnotherReason).Message)
		w.awaitReady(w.adb(name))
	}
	takeOver("rival")
	w.awaitMore(w.adb("rival"), 3)
	if mode := value[string](w, own, campaignMode); mode != "Open" {
		t.Errorf("within the grace it is %s", mode)
	}
	w.ahead.Add(int64(11 * time.Minute))
	w.eventually("closed", func() bool { return value[string](w, own, campaignMode) == "Closed" })
	if deleted := value[int](w, own, "SELECT cardinality(deleted_uids) FROM referral.campaign"); deleted > 0 {
		t.Errorf("%d objects count as deleted", deleted)
	}
	takeOver("shop")
	w.eventually("open", func() bool { return value[string](w, own, campaignMode) == "Open" })
	w.awaitReady(w.rcamp("invite-friends"))
}

func TestRebuiltClusterTakesOverWhenTheHeartbeatIsOld(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	old := w.adb("shop")
	check(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(old), old))
	// The object goes without having given up anything, as with a cluster that burnt down.
	check(t, w.client.Delete(t.Context(), w.rcamp("invite-friends")))
	w.sql(own, "UPDATE referral.owner SET installation = 'default', uid = 'of-the-old-cluster', heartbeat_at = now()")
	waits := w.awaitReason(old, metav1.ConditionFalse, v1alpha1.OwnedByAnotherReason)
	if meta.IsStatusConditionTrue(old.Status.Conditions, v1alpha1.StalledCondition) || !strings.Contains(waits.Message, "five minutes") {
		t.Errorf("%v", old.Status.Conditions)
	}
	w.sql(own, "UPDATE referral.owner SET heartbeat_at = now() - interval '6 minutes'")
	w.awaitReady(old)
}

func TestFailingEngineShows(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.sql(own, "ALTER TABLE referral.ledger RENAME TO elsewhere")
	w.shop(own, oneFriend)
	adb := w.adb("shop")
	failing := w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.EngineFailingReason)
	if !strings.Contains(failing.Message, "ledger") {
		t.Errorf("message: %s", failing.Message)
	}
	w.sql(own, "ALTER TABLE referral.elsewhere RENAME TO ledger")
	w.awaitReady(adb)
	await(w, w.rcamp("invite-friends"), "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
}

func TestMissingRoleHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.patch("adb", "shop", `{"roles":{"readers":["nobody_`+own.Name+`"]}}`)
	w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.RoleNotFoundReason)
	w.shop(own, oneFriend)
	await(w, w.rcamp("invite-friends"), "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
	check(t, w.client.Delete(t.Context(), w.rcamp("invite-friends")))
	w.eventually("closed", func() bool { return value[string](w, own, "SELECT mode FROM referral.campaign") == "Closed" })
}

func TestFailingResyncShows(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.sql(own, `
		CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no resync today'; END $$;
		CREATE TRIGGER refuse BEFORE UPDATE ON referral.resync FOR EACH ROW EXECUTE FUNCTION public.refuse()`)
	w.annotate("rcamp", "invite-friends", v1alpha1.RequestedAtAnnotation, "now")
	adb := w.adb("shop")
	await(w, adb, "failing", func(d *v1alpha1.AttributionDatabase) bool {
		failing := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ResyncFailingCondition)
		return failing != nil && failing.Status == metav1.ConditionTrue && failing.Reason == v1alpha1.ResyncFailingReason &&
			strings.Contains(failing.Message, "no resync today") && meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ReadyCondition)
	})
	w.shop(own, oneFriend)
	await(w, w.rcamp("invite-friends"), "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })

	w.sql(own, "DROP TRIGGER refuse ON referral.resync")
	await(w, adb, "well again", func(d *v1alpha1.AttributionDatabase) bool {
		return meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ResyncFailingCondition) == nil
	})
	await(w, w.rcamp("invite-friends"), "answered", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.LastHandledReconcileAt == "now" })
}

func TestUserThatMayBecomeSuperuserShows(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	adb := w.adb("shop")
	if privileged := meta.FindStatusCondition(adb.Status.Conditions, v1alpha1.PrivilegedRoleCondition); privileged != nil {
		t.Errorf("an ordinary user: %+v", privileged)
	}
	w.secret("shop-db", map[string]string{"uri": own.AdminURI})
	await(w, adb, "privileged and Ready", func(d *v1alpha1.AttributionDatabase) bool {
		privileged := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.PrivilegedRoleCondition)
		return privileged != nil && privileged.Status == metav1.ConditionTrue && strings.Contains(privileged.Message, "superuser") &&
			meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ReadyCondition)
	})
	w.eventually("an event", func() bool {
		return slices.ContainsFunc(w.eventsAbout("AttributionDatabase"), func(e eventsv1.Event) bool {
			return e.Reason == "PrivilegedRole" && e.Type == corev1.EventTypeWarning
		})
	})
	w.secret("shop-db", map[string]string{"uri": own.URI})
	await(w, adb, "ordinary", func(d *v1alpha1.AttributionDatabase) bool {
		return meta.FindStatusCondition(d.Status.Conditions, v1alpha1.PrivilegedRoleCondition) == nil
	})
}
