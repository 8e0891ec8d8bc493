package controllers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func TestConclude(t *testing.T) {
	const (
		isReady     = "Ready=True Ready"
		unready     = "Ready=False Unreachable"
		reconciling = "Reconciling=True Unreachable"
	)
	wait := func(shown visibility, edit bool) error {
		return fmt.Errorf("while testing: %w", &waitingError{
			reason: "Unreachable", requeueAfter: time.Minute, shown: shown, edit: edit, err: errors.New("no answer"),
		})
	}
	for name, test := range map[string]struct {
		err      error
		observed int64             // before, of generation 2
		before   []string          // conditions
		rollout  *v1alpha1.Rollout // nil: none
		want     []string          // conditions
		after    int64             // observed generation
		again    bool
		retried  bool
	}{
		"success puts the generation into force": {
			observed: 1, before: []string{unready, reconciling}, want: []string{isReady}, after: 2, again: true,
		},
		"stalled is observed, and no longer reconciling": {
			err: stalled("InvalidSpec", "never"), observed: 1, before: []string{isReady, reconciling},
			want: []string{"Ready=False InvalidSpec", "Stalled=True InvalidSpec"}, after: 2,
		},
		"success is no longer stalled": {
			observed: 1, before: []string{"Ready=False InvalidSpec", "Stalled=True InvalidSpec"}, want: []string{isReady}, after: 2, again: true,
		},
		"a new object that waits is reconciling": {
			err: wait(always, false), observed: -1, want: []string{unready, reconciling}, after: -1, again: true,
		},
		"an object in force that waits is not": {
			err: wait(always, false), observed: 2, before: []string{isReady}, want: []string{unready}, after: 2, again: true,
		},
		"unless a declared edit is on its way": {
			err: wait(always, true), observed: 2, before: []string{isReady}, want: []string{unready, reconciling}, after: 2, again: true,
		},
		"a short wait does not show on what is in force": {
			err: wait(unlessInForce, false), observed: 2, before: []string{isReady}, want: []string{isReady}, after: 2, again: true,
		},
		"a short wait shows on what is not in force yet": {
			err: wait(unlessInForce, false), observed: 1, before: []string{isReady}, want: []string{unready, reconciling}, after: 1, again: true,
		},
		"a short wait shows on what was not ready": {
			err: wait(unlessInForce, false), observed: 2, before: []string{"Ready=False Failed"}, want: []string{unready}, after: 2, again: true,
		},
		"an outage does not show on what is in force": {
			err: wait(unlessSettled, false), observed: 2, before: []string{isReady}, want: []string{isReady}, after: 2, again: true,
		},
		"an outage does not show on what is stalled": {
			err: wait(unlessSettled, false), observed: 2, before: []string{"Ready=False MassReversal", "Stalled=True MassReversal"},
			want: []string{"Ready=False MassReversal", "Stalled=True MassReversal"}, after: 2, again: true,
		},
		"an outage does not show on what is being rolled out": {
			err: wait(unlessSettled, false), observed: 2, before: []string{"Ready=False RollingOut", "Reconciling=True RollingOut"},
			want: []string{"Ready=False RollingOut", "Reconciling=True RollingOut"}, after: 2, again: true,
		},
		"an outage shows on what has been edited since": {
			err: wait(unlessSettled, false), observed: 1, before: []string{"Ready=False MassReversal", "Stalled=True MassReversal"},
			want: []string{unready, reconciling}, after: 1, again: true,
		},
		"an outage shows on what was not ready for another reason": {
			err: wait(unlessSettled, false), observed: 2, before: []string{"Ready=False Failed"}, want: []string{unready}, after: 2, again: true,
		},
		"a rollout that waits is reconciling": {
			err: wait(always, false), observed: 2, before: []string{"Ready=False RollingOut", "Reconciling=True RollingOut"},
			rollout: &v1alpha1.Rollout{Revision: 2, Decided: 1, Total: 2}, want: []string{unready, reconciling}, after: 2, again: true,
		},
		"a rollout that has ended is not": {
			err: wait(always, false), observed: 2, before: []string{"Ready=False RollingOut", "Reconciling=True RollingOut"},
			rollout: &v1alpha1.Rollout{Revision: 2, Decided: 2, Total: 2}, want: []string{unready}, after: 2, again: true,
		},
		"a moment shows nowhere": {
			err: wait(never, false), observed: -1, after: -1, again: true,
		},
		"anything else has failed, and is retried": {
			err: errors.New("odd"), observed: 1, before: []string{isReady},
			want: []string{"Ready=False Failed", "Reconciling=True Failed"}, after: 1, retried: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			object := &v1alpha1.ReferralCampaign{ObjectMeta: metav1.ObjectMeta{Generation: 2}}
			object.Status.ObservedGeneration, object.Status.Rollout = test.observed, test.rollout
			for _, text := range test.before {
				object.Status.Conditions = append(object.Status.Conditions, condition(t, text))
			}
			result, err := conclude(object, success{reason: "Ready", message: "in force", requeueAfter: time.Minute}, test.err)
			var got []string
			for _, c := range object.Status.Conditions {
				got = append(got, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
				if c.Message == "" {
					t.Errorf("%s has no message", c.Type)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if object.Status.ObservedGeneration != test.after {
				t.Errorf("observed generation %d, want %d", object.Status.ObservedGeneration, test.after)
			}
			if (result.RequeueAfter > 0) != test.again || (err != nil) != test.retried {
				t.Errorf("result %+v, error %v", result, err)
			}
		})
	}
}

// The API server refuses a status with a message above 32 KiB, and an event with a note above 1
// KiB.
func TestLongMessagesAreCutBetweenTwoCharacters(t *testing.T) {
	object := &v1alpha1.RewardPolicy{}
	long := errors.New("x" + strings.Repeat("ä", 40_000))
	if _, err := conclude(object, success{}, &stalledError{reason: "InvalidSpec", err: long}); err != nil {
		t.Fatal(err)
	}
	for _, c := range object.Status.Conditions {
		if len(c.Message) > 4<<10 || !utf8.ValidString(c.Message) || !strings.HasSuffix(c.Message, "ä…") {
			t.Errorf("%s has a message of %d bytes that ends in %q", c.Type, len(c.Message), c.Message[len(c.Message)-10:])
		}
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), eventsv1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	object.Namespace, object.Name = "growth", "five-dollars"
	event, err := newEvent(scheme, object, "Warning", "InvalidSpec", long.Error())
	if err != nil {
		t.Fatal(err)
	}
	if len(event.Note) > 1<<10 || !utf8.ValidString(event.Note) || !strings.HasSuffix(event.Note, "ä…") {
		t.Errorf("a note of %d bytes that ends in %q", len(event.Note), event.Note[len(event.Note)-10:])
	}
}

// condition reads what fmt.Sprintf wrote above.
func condition(t *testing.T, text string) metav1.Condition {
	t.Helper()
	c := metav1.Condition{Message: "before", ObservedGeneration: 1}
	var kindAndStatus string
	if _, err := fmt.Sscanf(text, "%s %s", &kindAndStatus, &c.Reason); err != nil {
		t.Fatal(err)
	}
	for _, status := range []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse} {
		if n := len(kindAndStatus) - len(status) - 1; n > 0 && kindAndStatus[n:] == "="+string(status) {
			c.Type, c.Status = kindAndStatus[:n], status
		}
	}
	return c
}
