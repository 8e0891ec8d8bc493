package controllers

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// reporting is a reporter of campaigns with a cache that can be stopped, and a clock.
type reporting struct {
	testing.TB
	*reporter
	server client.WithWatch
	cached *v1alpha1.ReferralCampaign // what the stopped cache returns; nil: the cache is up to date
	now    time.Time
	key    client.ObjectKey
}

func newReporting(t *testing.T) *reporting {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := eventsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	r := &reporting{TB: t, now: time.Now(), key: client.ObjectKey{Namespace: "growth", Name: "invite-friends"}}
	campaign := &v1alpha1.ReferralCampaign{ObjectMeta: metav1.ObjectMeta{
		Namespace: r.key.Namespace, Name: r.key.Name, UID: "uid-campaign", Generation: 1, CreationTimestamp: metav1.NewTime(r.now),
	}}
	r.server = fake.NewClientBuilder().WithScheme(scheme).WithObjects(campaign).
		WithStatusSubresource(&v1alpha1.ReferralCampaign{}).Build()
	c := interceptor.NewClient(r.server, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if into, ok := object.(*v1alpha1.ReferralCampaign); ok && r.cached != nil {
				r.cached.DeepCopyInto(into)
				return nil
			}
			return c.Get(ctx, key, object, options...)
		},
	})
	r.reporter = newReporter(c, newRecorder(c), func() time.Time { return r.now })
	return r
}

// stopCache makes the cache return what it has now.
func (r *reporting) stopCache() {
	r.cached = &v1alpha1.ReferralCampaign{}
	if err := r.server.Get(r.Context(), r.key, r.cached); err != nil {
		r.Fatal(err)
	}
}

// conclude does what a reconcile with this outcome does.
func (r *reporting) conclude(err error) {
	r.Helper()
	var campaign v1alpha1.ReferralCampaign
	if err := r.get(r.Context(), r.key, &campaign); err != nil {
		r.Fatal(err)
	}
	before := campaign.DeepCopy()
	if _, err := conclude(&campaign, success{reason: v1alpha1.ReadyReason, message: "in force"}, err); err != nil {
		r.Fatal(err)
	}
	if err := r.report(r.Context(), before, &campaign); err != nil {
		r.Fatal(err)
	}
}

// expect compares Ready and the events so far.
func (r *reporting) expect(ready string, events ...string) {
	r.Helper()
	var campaign v1alpha1.ReferralCampaign
	if err := r.server.Get(r.Context(), r.key, &campaign); err != nil {
		r.Fatal(err)
	}
	if got := readyCondition(&campaign); got.Reason != ready {
		r.Errorf("Ready is %+v", got)
	}
	var list eventsv1.EventList
	if err := r.server.List(r.Context(), &list); err != nil {
		r.Fatal(err)
	}
	var got []string
	slices.SortFunc(list.Items, func(a, b eventsv1.Event) int { return a.EventTime.Compare(b.EventTime.Time) })
	for _, e := range list.Items {
		got = append(got, e.Type+" "+e.Reason)
	}
	if diff := cmp.Diff(events, got); diff != "" {
		r.Error(diff)
	}
}

func TestStatusIsWrittenAndAnnouncedAlthoughTheCacheLagsBehind(t *testing.T) {
	r := newReporting(t)
	r.conclude(nil)
	r.expect("Ready", "Normal Ready")
	r.stopCache()
	r.conclude(waiting(v1alpha1.RollingOutReason, "moving"))
	r.expect("RollingOut", "Normal Ready", "Normal RollingOut")
	r.conclude(nil)
	r.expect("Ready", "Normal Ready", "Normal RollingOut", "Normal Ready")
	r.conclude(nil)
	r.conclude(&waitingError{reason: v1alpha1.DatabaseNotReadyReason, shown: unlessInForce, err: fmt.Errorf("busy")})
	r.expect("Ready", "Normal Ready", "Normal RollingOut", "Normal Ready")
}

func TestMissingObjectIsWarnedOfOnceANewObjectIsAMinuteOld(t *testing.T) {
	r := newReporting(t)
	missing := waiting(v1alpha1.DatabaseNotReadyReason, "there is no AttributionDatabase")
	r.conclude(missing)
	r.conclude(missing)
	r.expect("DatabaseNotReady", "Normal DatabaseNotReady")
	r.now = r.now.Add(startPatience)
	r.conclude(missing)
	r.conclude(missing)
	r.expect("DatabaseNotReady", "Normal DatabaseNotReady", "Warning DatabaseNotReady")
}

func TestStalledObjectIsWarnedOfAtOnce(t *testing.T) {
	r := newReporting(t)
	r.conclude(stalled(v1alpha1.InvalidSpecReason, "never"))
	r.expect("InvalidSpec", "Warning InvalidSpec")
}

func TestEventsOfAnObjectThatFlapsAreRepeatedAndNotCreated(t *testing.T) {
	r := newReporting(t)
	began := time.Now()
	for range 100 {
		r.conclude(waiting(v1alpha1.RollingOutReason, "moving"))
		r.conclude(nil)
	}
	var list eventsv1.EventList
	if err := r.server.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	repeated := 0
	for _, e := range list.Items {
		if e.Series != nil {
			repeated += int(e.Series.Count) - 1
		}
	}
	most := eventBurst + int(time.Since(began)/eventInterval)
	if len(list.Items) < eventBurst || len(list.Items) > most || len(list.Items)+repeated != 200 {
		t.Errorf("%d events, repeated %d times", len(list.Items), repeated)
	}
}
