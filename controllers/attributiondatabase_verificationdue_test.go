package controllers

import (
	"errors"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

func TestVerificationIsDue(t *testing.T) {
	ended := time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC)
	found := func(violations int64) *engine.VerifyResult {
		return &engine.VerifyResult{BeganAt: ended.Add(-time.Second), Violations: violations}
	}
	repaired := database.ResyncStatus{EndedAt: ended.Add(time.Second), Found: "1 pair"}
	for name, test := range map[string]struct {
		annotation, handled string
		state               hosting.VerifyState
		resync              database.ResyncStatus
		after               time.Duration // since the last verification ended
		want                bool
	}{
		"nothing has happened":                   {state: hosting.VerifyState{Result: found(0)}, after: time.Hour},
		"a resync has repaired something":        {state: hosting.VerifyState{Result: found(0)}, resync: repaired, after: time.Hour, want: true},
		"a resync has found nothing":             {state: hosting.VerifyState{Result: found(0)}, resync: database.ResyncStatus{EndedAt: repaired.EndedAt}, after: time.Hour},
		"a resync has ended after violations":    {state: hosting.VerifyState{Result: found(1)}, resync: database.ResyncStatus{EndedAt: repaired.EndedAt}, after: time.Hour, want: true},
		"a resync ended before the verification": {state: hosting.VerifyState{Result: found(1)}, resync: database.ResyncStatus{EndedAt: ended.Add(-time.Minute), Found: "1 pair"}, after: time.Hour},
		"a resync ended in the future":           {state: hosting.VerifyState{Result: found(1)}, resync: database.ResyncStatus{EndedAt: ended.Add(9000 * time.Hour), Found: "1 pair", InFuture: true}, after: time.Hour},
		"within a minute of one without request": {state: hosting.VerifyState{Result: found(1)}, resync: repaired, after: 50 * time.Second},
		"a minute after one without request":     {state: hosting.VerifyState{Result: found(1)}, resync: repaired, after: time.Minute, want: true},
		"within a minute of one that was requested": {annotation: "audit", handled: "audit", state: hosting.VerifyState{Request: "audit", Answered: "audit", Result: found(1)},
			resync: repaired, after: 5 * time.Second, want: true},
		"a request within a minute":        {annotation: "audit", state: hosting.VerifyState{Result: found(0)}, after: time.Second, want: true},
		"an answered request":              {annotation: "audit", handled: "audit", state: hosting.VerifyState{Request: "audit", Answered: "audit", Result: found(0)}, after: time.Hour},
		"within the pause after a failure": {state: hosting.VerifyState{Err: errors.New("a table is missing"), Failures: 5}, after: 5 * time.Second},
		"within the pause after a request has failed for good": {annotation: "audit", handled: "audit",
			state: hosting.VerifyState{Err: errors.New("a table is missing"), Failures: 5, Request: "audit", Answered: "audit"}, after: 5 * time.Second},
		"another request within the pause after a failure": {annotation: "again", handled: "audit",
			state: hosting.VerifyState{Err: errors.New("a table is missing"), Failures: 5, Request: "audit", Answered: "audit"}, after: 5 * time.Second, want: true},
		"its interval is over": {state: hosting.VerifyState{Result: found(0)}, after: 30 * time.Hour, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCurrentScope()
			s.adb.Annotations = map[string]string{v1alpha1.VerifyRequestedAtAnnotation: test.annotation}
			s.adb.Status.Verification = &v1alpha1.Verification{LastTime: &metav1.Time{Time: ended}, LastHandledVerifyAt: test.handled}
			s.schema.Campaigns = []database.CampaignStatus{{Name: "invite-friends", Resync: test.resync}}
			test.state.EndedAt = ended
			r := &AttributionDatabaseReconciler{now: func() time.Time { return ended.Add(test.after) }}
			if got := r.verificationDue(s, test.state); got != test.want {
				t.Errorf("due: %t, want %t", got, test.want)
			}
		})
	}
}

// A deviation of a long interval is longer than what the alert puts up with.
func TestVerificationIsDueWhenItBegins(t *testing.T) {
	ended := time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC)
	state := hosting.VerifyState{EndedAt: ended, Result: &engine.VerifyResult{BeganAt: ended.Add(-time.Second)}}
	for n := range 20 {
		s := newCurrentScope()
		s.adb.UID = types.UID(fmt.Sprint("uid-", n))
		s.adb.Spec.VerifyInterval = &v1alpha1.Duration{Duration: 720 * time.Hour}
		s.adb.Status.Verification = &v1alpha1.Verification{LastTime: &metav1.Time{Time: ended}}
		at, due := nextDue(s.adb, hosting.Serving)
		if !due {
			t.Fatal("never due")
		}
		for now, want := range map[time.Time]bool{at.Add(-time.Second): false, at: true} {
			r := &AttributionDatabaseReconciler{now: func() time.Time { return now }}
			if begins := r.verificationDue(s, state); begins != want {
				t.Errorf("%s: due %s, begins at %s: %t", s.adb.UID, at, now, begins)
			}
		}
	}
}

func TestSuspendedDatabaseIsVerifiedIfServed(t *testing.T) {
	created := metav1.NewTime(time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC))
	for _, test := range []struct {
		suspended bool
		phase     hosting.Phase
		due       bool
	}{
		{true, hosting.Serving, true},
		{true, hosting.Connecting, true},
		{true, hosting.Connected, false},
		{false, hosting.Connected, true},
	} {
		adb := &v1alpha1.AttributionDatabase{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: created}}
		adb.Spec.Suspend = test.suspended
		at, due := nextDue(adb, test.phase)
		if due != test.due || due && !at.Equal(created.Add(defaultVerifyInterval)) {
			t.Errorf("suspended: %t, %s: %s, due: %t", test.suspended, test.phase, at, due)
		}
	}
}
