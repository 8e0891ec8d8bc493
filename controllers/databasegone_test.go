package controllers

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgo "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// Settings may be refused between the phases that need them.
func TestHopelessSettingsStallWhereverTheyAreFound(t *testing.T) {
	databases, _ := newReconcilers(t)
	refused := &settingsError{reason: v1alpha1.InvalidSpecReason, hopeless: true, err: errors.New("no such schema")}
	s := databases.newScope(&v1alpha1.AttributionDatabase{})
	s.host.Source, s.host.Refusal = sourceOf(s.adb), refused
	for name, err := range map[string]error{
		"before the database is used": databases.awaitSettings(t.Context(), s),
		"by the use of the database":  databases.explain(s, refused, v1alpha1.FailedReason),
	} {
		if stall, ok := errors.AsType[*stalledError](err); !ok || stall.reason != v1alpha1.InvalidSpecReason {
			t.Errorf("%s: %T %v", name, err, err)
		}
	}
}

func TestUnreachableDatabaseIsGoneOnlyWithoutSecretAndForLong(t *testing.T) {
	now := time.Now()
	missing, forbidden, allowed := &settingsError{missing: true}, &settingsError{forbidden: true}, &settingsError{allow: "kubectl"}
	for name, test := range map[string]struct {
		refusal error
		away    time.Duration // zero: it answers
		gone    bool
	}{
		"there is no Secret": {missing, 0, true},
		"no settings are refused, and it is away for hours": {nil, time.Hour, false},
		"the operator may yet get the Secret":               {allowed, time.Hour, false},
		"another reason, and it is away for hours":          {errors.New("x"), time.Hour, false},
		"with its namespace, while it answers":              {forbidden, 0, false},
		"with its namespace, away for a moment":             {forbidden, outagePatience - time.Second, false},
		"with its namespace, away for long":                 {forbidden, outagePatience, true},
	} {
		state := hosting.State{Refusal: test.refusal}
		if test.away > 0 {
			state.AwaySince = now.Add(-test.away)
		}
		if got := databaseGone(state, now); got != test.gone {
			t.Errorf("%s: gone is %t", name, got)
		}
	}
}

func TestNamespaceIsTerminatingOnlyIfTheAPIServerSaysSo(t *testing.T) {
	events := schema.GroupResource{Group: "events.k8s.io", Resource: "events"}
	terminating := apierrors.NewForbidden(events, "x", errors.New("the namespace is being deleted"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for name, test := range map[string]struct {
		answer      error
		terminating bool
		unknown     bool
	}{
		"it accepts events":            {nil, false, false},
		"it is being deleted":          {terminating, true, false},
		"events are forbidden":         {apierrors.NewForbidden(events, "x", errors.New("no right")), false, true},
		"the API server is overloaded": {apierrors.NewTooManyRequestsError("later"), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			if err := errors.Join(v1alpha1.AddToScheme(scheme), clientgo.AddToScheme(scheme)); err != nil {
				t.Fatal(err)
			}
			c := fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
				Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
					return test.answer
				},
			}).Build()
			r := &PoolsReconciler{dryRun: client.NewDryRunClient(c)}
			adb := &v1alpha1.AttributionDatabase{ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: "shop"}}
			got, err := r.namespaceTerminating(t.Context(), adb)
			if got != test.terminating || (err != nil) != test.unknown {
				t.Errorf("terminating: %t, %v", got, err)
			}
		})
	}
}
