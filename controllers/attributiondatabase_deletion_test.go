package controllers_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestDatabaseInUseStaysUntilItsLastCampaignIsGone(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.shop(own, oneFriend)
	await(w, w.rcamp("invite-friends"), "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
	adb := w.adb("shop")
	check(t, w.client.Delete(t.Context(), adb))
	used := w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.InUseReason)
	if !strings.Contains(used.Message, "1 ReferralCampaign refers") || !strings.Contains(used.Message, "invite-friends") {
		t.Errorf("message: %s", used.Message)
	}
	// It is in use: credits go on.
	w.shop(own, "INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('bob', 'order-1', 'r', 2500)")
	await(w, w.rcamp("invite-friends"), "reversed", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Reversed == 1 })
	w.annotate("adb", "shop", v1alpha1.VerifyRequestedAtAnnotation, "again")
	await(w, adb, "verified", func(d *v1alpha1.AttributionDatabase) bool {
		return d.Status.Verification != nil && d.Status.Verification.LastHandledVerifyAt == "again"
	})

	check(t, w.client.Delete(t.Context(), w.rcamp("invite-friends")))
	w.awaitGone(adb)
	if value[bool](w, own, "SELECT released_at IS NULL FROM referral.owner") {
		t.Error("the ownership was not given up")
	}
	if mode := value[string](w, own, "SELECT mode FROM referral.campaign"); mode != "Closed" {
		t.Errorf("the campaign is %s", mode)
	}
	if entries := value[int](w, own, "SELECT count(*)::int FROM referral.ledger"); entries != 2 {
		t.Errorf("%d ledger entries", entries)
	}
}

func TestDeletionOfAnUnreachableDatabaseWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.newDatabase()
	proxy := testworld.NewProxy(t, own.Server().Address())
	w.secret("shop-db", map[string]string{"uri": strings.Replace(own.URI, own.Server().Address(), proxy.Address(), 1)})
	w.apply(shopYAML)
	adb := w.adb("shop")
	w.awaitReady(adb)
	check(t, proxy.Stop())
	w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.UnreachableReason)
	check(t, w.client.Delete(t.Context(), adb))
	await(w, adb, "naming how to let go", func(d *v1alpha1.AttributionDatabase) bool {
		ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ReadyCondition)
		return ready.Reason == v1alpha1.TerminatingReason &&
			strings.Contains(ready.Message, "delete Secret "+w.namespace+"/shop-db")
	})
	w.kubectl("", "delete", "secret", "shop-db")
	w.awaitGone(adb)
}

// The server goes away between the claim of a schema and the first report about it.
func TestDeletionGivesUpASchemaThatWasJustClaimed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.newDatabase()
	proxy := w.behind(own, "shop-db")
	proxy.SilenceAt("greatest(generation")
	w.apply(shopYAML)
	adb := w.adb("shop")
	w.eventually("claimed", func() bool {
		return value[bool](w, own, "SELECT to_regclass('referral.owner') IS NOT NULL") && value[int](w, own, "SELECT count(*)::int FROM referral.owner") == 1
	})
	check(t, proxy.Stop())
	w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.UnreachableReason)
	check(t, w.client.Delete(t.Context(), adb))
	w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.TerminatingReason)
	w.kubectl("", "delete", "secret", "shop-db")
	w.awaitGone(adb)
}

// Everything of a namespace may be deleted at once, in any order.
func TestConnectedDatabaseGoesOnWithoutItsSecretUntilDeleted(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	adb := w.adb("shop")
	w.kubectl("", "delete", "secret/shop-db", "rolebinding/referral-operator-secret-reader")
	w.annotate("adb", "shop", v1alpha1.RequestedAtAnnotation, "now")
	w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.SecretForbiddenReason)
	w.shop(own, oneFriend)
	w.eventually("granted", func() bool { return value[int](w, own, "SELECT count(*)::int FROM referral.ledger") == 1 })

	w.kubectl("", "delete", "adb/shop", "rcamp/invite-friends")
	if value[bool](w, own, "SELECT released_at IS NULL FROM referral.owner") {
		t.Error("the ownership was not given up")
	}
	if mode := value[string](w, own, "SELECT mode FROM referral.campaign"); mode != "Closed" {
		t.Errorf("the campaign is %s", mode)
	}
}

// deleteNamespace deletes the world's namespace with all that is in it. A namespace that is being
// deleted may lose its Secrets, and the right to get them, before its databases and campaigns. It
// accepts no new RoleBinding.
func (w *world) deleteNamespace() {
	w.Helper()
	w.kubectl("", "delete", "secret/shop-db", "rolebinding/referral-operator-secret-reader")
	check(w, w.client.Delete(w.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}))
	check(w, w.client.Delete(w.Context(), w.adb("shop")))
	check(w, w.client.Delete(w.Context(), w.rcamp("invite-friends")))
}

// outagePatience is how long an outage lasts that counts as long.
const outagePatience = time.Minute

func TestLostDatabaseDoesNotKeepItsNamespaceFromBeingDeleted(t *testing.T) {
	t.Parallel()
	w, _, proxy := newGiver(t)
	check(t, proxy.Stop())
	w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.UnreachableReason)
	w.deleteNamespace()
	w.awaitTerminating("the campaign's credits cannot be reversed")
	w.ahead.Store(int64(outagePatience))
	w.awaitGone(w.rcamp("invite-friends"))
	w.awaitGone(w.adb("shop"))
	if !regexp.MustCompile(`ERROR.*released without reversing its credits`).MatchString(w.log.String()) {
		t.Error("no error in the log says so")
	}
}

// A database that does not answer for a moment is not lost: its credits outlive the namespace.
func TestShortOutageInADeletedNamespaceAbandonsNoCredits(t *testing.T) {
	t.Parallel()
	w, own, proxy := newGiver(t)
	w.ahead.Store(int64(-time.Hour)) // however long this test takes, the outage is short
	proxy.Swallow()
	w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.UnreachableReason)
	w.deleteNamespace()
	w.awaitTerminating("the campaign's credits cannot be reversed")
	w.eventually("the Secret was refused for good", func() bool {
		refusal := w.registry.State(client.ObjectKeyFromObject(w.adb("shop"))).Refusal
		return refusal != nil && strings.Contains(refusal.Error(), "since the namespace is being deleted")
	})
	w.awaitMore(w.rcamp("invite-friends"), 1)
	w.awaitTerminating("the campaign's credits cannot be reversed")
	proxy.Pass()
	w.awaitGone(w.rcamp("invite-friends"))
	w.awaitGone(w.adb("shop"))
	if got, want := outcome(w, own), "0 2 Reversed CampaignDeleted Closed"; got != want {
		t.Errorf("gone, there is %q, want %q", got, want)
	}
	if value[bool](w, own, "SELECT released_at IS NULL FROM referral.owner") {
		t.Error("the ownership was not given up")
	}
}

// While the database answers, its credits are reversed although the namespace is being deleted.
func TestDatabaseOfADeletedNamespaceIsUsedWhileItAnswers(t *testing.T) {
	t.Parallel()
	w, own, _ := newGiver(t)
	adb, campaign := w.adb("shop"), w.rcamp("invite-friends")
	resume := w.stopEngine(own)
	w.deleteNamespace()
	w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.SecretForbiddenReason)
	w.awaitTerminating("1 pair is still to be reversed")
	resume()
	w.awaitGone(campaign)
	w.awaitGone(adb)
	if got, want := outcome(w, own), "0 2 Reversed CampaignDeleted Closed"; got != want {
		t.Errorf("gone, there is %q, want %q", got, want)
	}
}

// A database that answers and refuses never counts as gone.
func TestRefusingDatabaseOfADeletedNamespaceNamesHowToLetGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.newDatabase()
	w.behind(own, "shop-db")
	w.apply(shopYAML)
	adb := w.adb("shop")
	w.awaitReady(adb)
	w.exec(own.URI, "REVOKE ALL ON referral.meta, referral.owner FROM CURRENT_USER")
	w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.PermissionDeniedReason)
	w.kubectl("", "delete", "secret/shop-db", "rolebinding/referral-operator-secret-reader")
	check(t, w.client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}))
	check(t, w.client.Delete(t.Context(), adb))
	var message string
	await(w, adb, "naming how to let go", func(d *v1alpha1.AttributionDatabase) bool {
		ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ReadyCondition)
		message = ready.Message
		return ready.Reason == v1alpha1.TerminatingReason && strings.Contains(message, "to remove it at once: ")
	})
	w.ahead.Store(int64(time.Hour))
	w.awaitMore(adb, 1)
	check(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(adb), adb)) // it waits, however long that takes
	w.asPasted(message)
	w.awaitGone(adb)
}

func TestDeletionWithoutTheRightToGetTheSecretNamesHowToLetGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.newDatabase()
	proxy := w.behind(own, "shop-db")
	w.apply(shopYAML)
	adb := w.adb("shop")
	w.awaitReady(adb)
	check(t, proxy.Stop())
	w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.UnreachableReason)
	w.kubectl("", "delete", "rolebinding/referral-operator-secret-reader")
	check(t, w.client.Delete(t.Context(), adb))
	var message string
	await(w, adb, "naming how to let go", func(d *v1alpha1.AttributionDatabase) bool {
		ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ReadyCondition)
		message = ready.Message
		return ready.Reason == v1alpha1.TerminatingReason &&
			strings.Contains(message, "to remove the object without giving up the ownership, delete Secret "+w.namespace+"/shop-db and allow the operator to find that the Secret is gone: ")
	})
	w.kubectl("", "delete", "secret", "shop-db")
	w.asPasted(message)
	w.awaitGone(adb)
}

func TestDatabaseThatNeverConnectedIsDeletedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secret("shop-db", map[string]string{"uri": "postgres://stranger:secret@" + unusedAddress() + "/shop"})
	w.apply(shopYAML)
	adb := w.adb("shop")
	w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.UnreachableReason)
	check(t, w.client.Delete(t.Context(), adb))
	w.awaitGone(adb)
}

func TestReplicaDropsDatabasesDeletedWhileNoManagerRan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secret("shop-db", map[string]string{"uri": w.newDatabase().URI})
	w.apply(shopYAML)
	adb := w.adb("shop")
	w.awaitReady(adb)
	if hosted := w.registry.Names(); len(hosted) != 1 || hosted[0] != client.ObjectKeyFromObject(adb) {
		t.Errorf("hosted: %v", hosted)
	}
	w.stop()
	w.merge("adb", "shop", `{"metadata":{"finalizers":null}}`)
	check(t, w.client.Delete(t.Context(), adb))
	w.startManager()
	w.eventually("forgotten", func() bool { return len(w.registry.Names()) == 0 })
}
