package controllers

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

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

func TestVerificationOfASuspendedDatabaseIsDueUnlessItsSchemaWaitsToBeMigrated(t *testing.T) {
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
