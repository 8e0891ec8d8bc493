package controllers

import (
	"fmt"
	"hash/fnv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// defaultVerifyInterval is that of the CRD.
	defaultVerifyInterval = 24 * time.Hour

	// verifyPause is the shortest time between two verifications without a request. A server
	// may report at any time that a resync has repaired something.
	verifyPause = time.Minute
)

// verify starts a verification of the ledger that is due, and reports the last one. It leaves Ready
// as it is, and needs a database that is served, suspended or not. While the database is away, the
// condition stays as it is. A database that is being deleted is verified for as long as campaigns
// refer to it.
//
// Conditions: LedgerConsistent with Verified, ViolationsFound, or VerificationFailed once several
// attempts have failed.
func (r *AttributionDatabaseReconciler) verify(s *databaseScope) {
	uid := string(s.adb.UID)
	if s.unused {
		r.verifications.Drop(s.name)
	}
	state := r.verifications.State(s.name, uid)
	reportVerification(s.adb, state)
	if !s.unused && s.host.Phase == hosting.Serving && !state.Running && r.verificationDue(s, state) {
		state = r.verifications.Start(s.name, uid, unansweredRequest(s.adb))
	}
	reportVerificationProgress(s.adb, state)
}

// verificationDue reports whether the ledger has to be verified now: on request, each interval,
// after a failed attempt, and once a resync may have repaired what the last verification found.
func (r *AttributionDatabaseReconciler) verificationDue(s *databaseScope, state hosting.VerifyState) bool {
	request := unansweredRequest(s.adb)
	last := s.adb.Status.Verification
	now := r.now()
	switch {
	case state.Err != nil && (request == "" || request == state.Request):
		return !now.Before(state.RetryAt())
	case request != "", last == nil || last.LastTime == nil:
		return true
	case state.Request == "" && now.Before(state.EndedAt.Add(verifyPause)):
		return false
	case !now.Before(nextVerification(s.adb)):
		return true
	case state.Result == nil: // this process has verified nothing yet
		return meta.IsStatusConditionFalse(s.adb.Status.Conditions, v1alpha1.LedgerConsistentCondition)
	}
	for i := range s.schema.Campaigns {
		resync := &s.schema.Campaigns[i].Resync
		if resync.InFuture {
			continue // else every verification would be followed by another until then
		}
		if resync.EndedAt.After(state.Result.BeganAt) && (state.Result.Violations > 0 || resync.Found != "") {
			return true
		}
	}
	return false
}

// unansweredRequest returns the request of the annotation; empty: there is none, or it was
// answered.
func unansweredRequest(adb *v1alpha1.AttributionDatabase) string {
	request := adb.Annotations[v1alpha1.VerifyRequestedAtAnnotation]
	if last := adb.Status.Verification; last != nil && request == last.LastHandledVerifyAt {
		return ""
	}
	return request
}

// nextVerification is when the interval after the last verification ends. Each database has its own
// deviation of up to a tenth, so that databases that were verified together do not stay in step.
func nextVerification(adb *v1alpha1.AttributionDatabase) time.Time {
	interval := verifyInterval(adb)
	last := adb.Status.Verification.LastTime.Time
	hash := fnv.New32a()
	_, _ = fmt.Fprint(hash, adb.UID, last.Unix()) // never fails
	return last.Add(interval - interval/10 + time.Duration(float64(interval)/5*float64(hash.Sum32())/(1<<32)))
}

func verifyInterval(adb *v1alpha1.AttributionDatabase) time.Duration {
	if adb.Spec.VerifyInterval == nil {
		return defaultVerifyInterval
	}
	return adb.Spec.VerifyInterval.Duration
}

// reportVerification reports how the last verification ended.
func reportVerification(adb *v1alpha1.AttributionDatabase, state hosting.VerifyState) {
	if state.EndedAt.IsZero() || state.Err != nil && !state.Failed() {
		return
	}
	status := verificationOf(adb)
	if state.Answered != "" {
		status.LastHandledVerifyAt = state.Answered
	}
	if state.Err != nil {
		setCondition(adb, v1alpha1.LedgerConsistentCondition, metav1.ConditionFalse, v1alpha1.VerificationFailedReason,
			"the ledger cannot be verified: "+postgres.Message(state.Err))
		return
	}
	result := state.Result
	status.LastTime = timeOf(state.EndedAt)
	status.Violations = result.Violations
	status.Examples = nil
	for _, example := range result.Examples {
		status.Examples = append(status.Examples, v1alpha1.Violation{Rule: example.Rule, Key: example.Key, Detail: example.Detail})
	}
	if result.Violations == 0 {
		setCondition(adb, v1alpha1.LedgerConsistentCondition, metav1.ConditionTrue, v1alpha1.VerifiedReason,
			"credits, entries, balances and counters agree with each other")
		return
	}
	setCondition(adb, v1alpha1.LedgerConsistentCondition, metav1.ConditionFalse, v1alpha1.ViolationsFoundReason, violationsFound(result))
}

const resyncAdvice = "request a resync of the campaigns with the annotation " + v1alpha1.RequestedAtAnnotation +
	": it repairs what can be repaired"

// violationsFound says what is wrong, in the words of the first example, and what to do.
func violationsFound(result *engine.VerifyResult) string {
	first := result.Examples[0]
	if result.Violations == 1 {
		return fmt.Sprintf("1 violation: %s: %s; %s", first.Rule, first.Key, resyncAdvice)
	}
	return fmt.Sprintf("%d violations, such as: %s: %s; %s; status.verification has more examples",
		result.Violations, first.Rule, first.Key, resyncAdvice)
}

// reportVerificationProgress reports how far a running verification is.
func reportVerificationProgress(adb *v1alpha1.AttributionDatabase, state hosting.VerifyState) {
	switch {
	case state.Running:
		verificationOf(adb).Progress = &v1alpha1.VerificationProgress{Verified: state.Verified, Total: state.Total}
	case adb.Status.Verification != nil:
		adb.Status.Verification.Progress = nil
	}
}

func verificationOf(adb *v1alpha1.AttributionDatabase) *v1alpha1.Verification {
	if adb.Status.Verification == nil {
		adb.Status.Verification = &v1alpha1.Verification{}
	}
	return adb.Status.Verification
}
