package controllers_test

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
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
	w.kubectl("", "annotate", "adb", "shop", v1alpha1.VerifyRequestedAtAnnotation+"=audit")
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

	w.kubectl("", "annotate", "rcamp", "invite-friends", v1alpha1.RequestedAtAnnotation+"=repair")
	await(w, adb, "consistent again", func(d *v1alpha1.AttributionDatabase) bool {
		return consistent(d, metav1.ConditionTrue, v1alpha1.VerifiedReason) && d.Status.Verification.Violations == 0
	})
	w.awaitEvent(v1alpha1.VerifiedReason, "agree")
}

func TestSuspendedDatabaseIsVerifiedOnRequestAndAtItsInterval(t *testing.T) {
	t.Parallel()
	w, _ := newShop(t)
	adb := w.adb("shop")
	w.kubectl("", "patch", "adb", "shop", "--type=merge", "-p", `{"spec":{"suspend":true,"verifyInterval":"48h"}}`)
	w.awaitReason(adb, metav1.ConditionTrue, v1alpha1.SuspendedReason)
	w.kubectl("", "annotate", "adb", "shop", v1alpha1.VerifyRequestedAtAnnotation+"=now")
	await(w, adb, "answered", func(d *v1alpha1.AttributionDatabase) bool {
		return d.Status.Verification != nil && d.Status.Verification.LastHandledVerifyAt == "now"
	})
	before := adb.Status.Verification.LastTime.Time
	w.ahead.Store(int64(54 * time.Hour))
	await(w, adb, "verified again", func(d *v1alpha1.AttributionDatabase) bool {
		return d.Status.Verification.LastTime.Sub(before) > 40*time.Hour
	})
}

func consistent(adb *v1alpha1.AttributionDatabase, status metav1.ConditionStatus, reason string) bool {
	is := meta.FindStatusCondition(adb.Status.Conditions, v1alpha1.LedgerConsistentCondition)
	return is != nil && is.Status == status && is.Reason == reason
}
