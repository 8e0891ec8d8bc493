package controllers_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The audit story: an entry that a superuser altered is named, a resync repairs what it made wrong,
// and the ledger is consistent again without waiting for the interval.
func TestVerificationNamesAnAlteredEntryAndIsCleanAfterAResync(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.shop(own, oneFriend)
	campaign, adb := w.rcamp("invite-friends"), w.adb("shop")
	await(w, campaign, "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
	await(w, adb, "verified soon after it is Ready", func(d *v1alpha1.AttributionDatabase) bool {
		return consistent(d, metav1.ConditionTrue, v1alpha1.VerifiedReason) && d.Status.Verification.LastTime != nil
	})

	w.sql(own, "SET session_replication_role = replica; UPDATE referral.ledger SET amount = 700 WHERE user_id = 'bob'")
	w.annotate("adb", "shop", v1alpha1.VerifyRequestedAtAnnotation, "audit")
	await(w, adb, "answered", func(d *v1alpha1.AttributionDatabase) bool {
		return d.Status.Verification.LastHandledVerifyAt == "audit"
	})
	found := adb.Status.Verification
	named := false
	for _, example := range found.Examples {
		named = named || strings.HasPrefix(example.Key, "bob/")
	}
	if !consistent(adb, metav1.ConditionFalse, v1alpha1.ViolationsFoundReason) || !named || found.Violations == 0 || found.Progress != nil {
		t.Errorf("%+v, conditions %v", found, adb.Status.Conditions)
	}
	if !meta.IsStatusConditionTrue(adb.Status.Conditions, v1alpha1.ReadyCondition) {
		t.Error("a violation ended Ready")
	}
	w.awaitEvent(v1alpha1.ViolationsFoundReason, "bob/")

	w.annotate("rcamp", "invite-friends", v1alpha1.RequestedAtAnnotation, "repair")
	await(w, adb, "consistent again", func(d *v1alpha1.AttributionDatabase) bool {
		return consistent(d, metav1.ConditionTrue, v1alpha1.VerifiedReason) && d.Status.Verification.Violations == 0
	})
	w.awaitEvent(v1alpha1.VerifiedReason, "agree")
}

func TestSuspendedDatabaseIsVerifiedOnRequestAndAtItsInterval(t *testing.T) {
	t.Parallel()
	w, _ := newShop(t)
	adb := w.adb("shop")
	w.patch("adb", "shop", `{"suspend":true,"verifyInterval":"48h"}`)
	w.awaitReason(adb, metav1.ConditionTrue, v1alpha1.SuspendedReason)
	w.annotate("adb", "shop", v1alpha1.VerifyRequestedAtAnnotation, "now")
	await(w, adb, "answered", func(d *v1alpha1.AttributionDatabase) bool {
		return d.Status.Verification != nil && d.Status.Verification.LastHandledVerifyAt == "now"
	})
	before := adb.Status.Verification.LastTime.Time
	w.ahead.Store(int64(54 * time.Hour))
	await(w, adb, "verified again", func(d *v1alpha1.AttributionDatabase) bool {
		return d.Status.Verification.LastTime.Sub(before) > 40*time.Hour
	})
}

// verifyNow requests a verification.
func (w *world) verifyNow(request string) {
	w.Helper()
	w.annotate("adb", "shop", v1alpha1.VerifyRequestedAtAnnotation, request)
}

// verified waits until a request has been answered with a consistent ledger.
func (w *world) verified(adb *v1alpha1.AttributionDatabase, request string) {
	w.Helper()
	await(w, adb, "verified for "+request, func(d *v1alpha1.AttributionDatabase) bool {
		return consistent(d, metav1.ConditionTrue, v1alpha1.VerifiedReason) && d.Status.Verification.LastHandledVerifyAt == request
	})
}

func TestVerificationFailedEndsWhenTheLedgerCanBeVerifiedAgain(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	adb := w.adb("shop")
	w.verifyNow("before")
	w.verified(adb, "before")
	before := adb.Status.Verification.LastTime.Time

	w.sql(own, "ALTER TABLE referral.redemption RENAME TO redemption_away")
	w.verifyNow("damaged")
	await(w, adb, "failed", func(d *v1alpha1.AttributionDatabase) bool {
		w.ahead.Add(int64(time.Minute)) // ends the pause before the next attempt
		return consistent(d, metav1.ConditionFalse, v1alpha1.VerificationFailedReason)
	})
	failed := meta.FindStatusCondition(adb.Status.Conditions, v1alpha1.LedgerConsistentCondition)
	if !strings.HasPrefix(failed.Message, "the ledger cannot be verified: ") || !strings.Contains(failed.Message, "redemption") {
		t.Errorf("message: %s", failed.Message)
	}
	if v := adb.Status.Verification; v.LastHandledVerifyAt != "damaged" || !v.LastTime.Time.Equal(before) || v.Violations != 0 {
		t.Errorf("the request is not answered, or as if the ledger had been verified: %+v", v)
	}
	if !meta.IsStatusConditionTrue(adb.Status.Conditions, v1alpha1.ReadyCondition) {
		t.Error("a failed verification ended Ready")
	}
	w.awaitEvent(v1alpha1.VerificationFailedReason, "redemption")

	w.sql(own, "ALTER TABLE referral.redemption_away RENAME TO redemption")
	w.verifyNow("repaired")
	w.verified(adb, "repaired")
}

// holdVerification has verifications wait at their last statement until release is called.
func (w *world) holdVerification(own *testworld.Database) (release func()) {
	w.Helper()
	connection, err := pgx.Connect(w.Context(), own.AdminURI)
	check(w, err)
	_, err = connection.Exec(w.Context(), "BEGIN; LOCK TABLE referral.redemption IN ACCESS EXCLUSIVE MODE")
	check(w, err)
	release = sync.OnceFunc(func() { _ = connection.Close(context.Background()) })
	w.Cleanup(release)
	return release
}

// awaitHeld waits until a verification waits for the lock of holdVerification.
func (w *world) awaitHeld(own *testworld.Database) {
	w.Helper()
	w.eventually("held", func() bool {
		return value[bool](w, own, `SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'referral.redemption'::regclass AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)
	})
}

func TestOutageDuringAVerificationIsNoResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.newDatabase()
	proxy := w.behind(own, "shop-db")
	w.apply(allYAML)
	adb := w.adb("shop")
	w.verifyNow("before")
	w.verified(adb, "before")

	release := w.holdVerification(own)
	w.verifyNow("during")
	w.awaitHeld(own)
	proxy.Swallow()
	proxy.Cut()
	w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.UnreachableReason)
	w.ahead.Add(int64(time.Hour)) // any pause between attempts is over
	if !consistent(adb, metav1.ConditionTrue, v1alpha1.VerifiedReason) || adb.Status.Verification.LastHandledVerifyAt != "before" {
		t.Errorf("%+v, conditions %v", adb.Status.Verification, adb.Status.Conditions)
	}
	release()
	proxy.Pass()
	w.awaitReady(adb)
	w.verified(adb, "during")
	if w.countEvents(v1alpha1.VerificationFailedReason) > 0 {
		t.Error("the outage was reported as a failed verification")
	}
}

// What is known of a running verification ends with its manager, and the request is in the object.
func TestNextLeaderAnswersTheRequestOfAnInterruptedVerificationOnce(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	adb := w.adb("shop")
	w.verifyNow("before")
	w.verified(adb, "before")

	release := w.holdVerification(own)
	w.verifyNow("during")
	w.awaitHeld(own)
	w.stop()
	check(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(adb), adb))
	if adb.Status.Verification.LastHandledVerifyAt != "before" {
		t.Errorf("answered without a result: %+v", adb.Status.Verification)
	}
	w.startManager()
	w.awaitHeld(own)
	release()
	w.verified(adb, "during")
	answered := adb.Status.Verification.LastTime.Time
	w.awaitQuiet(adb)
	check(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(adb), adb))
	if v := adb.Status.Verification; !v.LastTime.Time.Equal(answered) || v.Progress != nil {
		t.Errorf("verified again: %+v", v)
	}
}

// The last verification found nothing, the damage came later, and a resync found it first.
func TestLedgerThatAResyncRepairedIsVerifiedAtOnce(t *testing.T) {
	t.Parallel()
	w, own := newFriend(t)
	adb := w.adb("shop")
	w.verifyNow("before")
	w.verified(adb, "before")
	before := adb.Status.Verification.LastTime.Time
	time.Sleep(time.Until(before.Add(time.Second))) // times in status are whole seconds

	w.sql(own, "DELETE FROM referral.credit WHERE user_id = 'bob'")
	w.annotate("rcamp", "invite-friends", v1alpha1.RequestedAtAnnotation, "repair")
	campaign := w.rcamp("invite-friends")
	await(w, campaign, "compared", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.LastHandledReconcileAt == "repair" })
	if campaign.Status.DriftCorrected == 0 {
		t.Errorf("the resync found nothing: %+v", campaign.Status)
	}
	await(w, adb, "verified after the repair", func(d *v1alpha1.AttributionDatabase) bool {
		return d.Status.Verification.LastTime.After(before)
	})
	if credits := value[int](w, own, "SELECT count(*) FROM referral.credit WHERE user_id = 'bob'"); credits != 1 {
		t.Errorf("verified with %d credits", credits)
	}
	w.verified(adb, "before")
}

func consistent(adb *v1alpha1.AttributionDatabase, status metav1.ConditionStatus, reason string) bool {
	is := meta.FindStatusCondition(adb.Status.Conditions, v1alpha1.LedgerConsistentCondition)
	return is != nil && is.Status == status && is.Reason == reason
}
