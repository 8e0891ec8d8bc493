package controllers

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
)

// reporter writes status, and records events about transitions.
type reporter struct {
	client client.Client
	events events.EventRecorder
}

// report applies the status of after if it differs from that of before, and records an event if
// Ready changed. That the object is gone, or that another object has its name by now, is not an
// error.
func (r reporter) report(ctx context.Context, before, after resource) error {
	was, err := statusOf(before)
	if err != nil {
		return err
	}
	is, err := statusOf(after)
	if err != nil || equality.Semantic.DeepEqual(was, is) {
		return err
	}
	gvk, err := apiutil.GVKForObject(after, r.client.Scheme())
	if err != nil {
		return fmt.Errorf("while naming the kind of %s: %w", after.GetName(), err)
	}
	// With the UID the API server refuses if another object has this name by now.
	patch := &unstructured.Unstructured{Object: map[string]any{"status": is}}
	patch.SetGroupVersionKind(gvk)
	patch.SetNamespace(after.GetNamespace())
	patch.SetName(after.GetName())
	patch.SetUID(after.GetUID())
	err = r.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(patch),
		client.FieldOwner(v1alpha1.FieldManager), client.ForceOwnership)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return nil
	case err != nil:
		return fmt.Errorf("while writing status: %w", err)
	}
	r.recordTransition(ctx, before, after)
	return nil
}

// statusOf is the status as it is sent, with zeros written out.
func statusOf(object resource) (any, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("while encoding the status of %s: %w", object.GetName(), err)
	}
	return content["status"], nil
}

// underWay are the reasons of Ready=False that are a normal step and not a problem.
var underWay = map[string]bool{
	v1alpha1.ConnectingReason: true, v1alpha1.RollingOutReason: true, v1alpha1.TerminatingReason: true, v1alpha1.InUseReason: true,
	v1alpha1.PendingReason: true, v1alpha1.RunningReason: true,
}

// recordTransition records an event and a log line if Ready has changed its status or reason.
func (r reporter) recordTransition(ctx context.Context, before, after resource) {
	was, is := readyCondition(before), readyCondition(after)
	if is == nil || was != nil && was.Status == is.Status && was.Reason == is.Reason {
		return
	}
	kind := corev1.EventTypeNormal
	if is.Status == metav1.ConditionFalse && !underWay[is.Reason] {
		kind = corev1.EventTypeWarning
	}
	r.event(after, kind, is.Reason, is.Message)
	ctrl.LoggerFrom(ctx).Info("Ready has changed", "status", is.Status, "reason", is.Reason, "message", is.Message)
}

// tookOver records that the object has become the owner of a schema of an earlier owner.
func (r reporter) tookOver(adb *v1alpha1.AttributionDatabase, from database.Owner) {
	r.event(adb, corev1.EventTypeNormal, "TookOver", fmt.Sprintf("took schema %s over from %s of installation %s (uid %s)",
		adb.Spec.Schema, from.Name, from.Installation, from.UID))
}

func (r reporter) event(about resource, kind, reason, note string) {
	const longest = 1024 // the API server refuses longer ones
	if len(note) > longest {
		note = strings.ToValidUTF8(note[:longest], "")
	}
	r.events.Eventf(about, nil, kind, reason, "Reconcile", "%s", note)
}
