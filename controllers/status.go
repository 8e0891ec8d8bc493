package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// reporter writes the status of the objects of one kind, and announces the transitions of Ready
// that it has written, as events and log lines.
type reporter struct {
	client client.Client
	events *recorder
	now    func() time.Time

	mu    sync.Mutex
	known map[client.ObjectKey]reported
}

// reported is what a reporter remembers of an object.
type reported struct {
	uid       string
	version   string // resourceVersion of the status that was written last; empty: the cache has it
	status    any    // that status
	announced transition
}

// transition is what an event says about Ready: its status and reason, and the event's type.
type transition struct {
	status metav1.ConditionStatus
	reason string
	kind   string
}

func newReporter(c client.Client, events *recorder, now func() time.Time) *reporter {
	return &reporter{client: c, events: events, now: now, known: map[client.ObjectKey]reported{}}
}

// get reads an object from the cache. If the cache is behind the last status write, the object gets
// the status that was written: a reconcile that began with an older one would announce transitions
// that never were, and leave out others.
func (r *reporter) get(ctx context.Context, key client.ObjectKey, object resource) error {
	if err := r.client.Get(ctx, key, object); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(key)
		}
		return err
	}
	r.mu.Lock()
	last := r.known[key]
	r.mu.Unlock()
	if last.version == "" || last.uid != string(object.GetUID()) {
		return nil
	}
	order, err := resourceversion.CompareResourceVersion(object.GetResourceVersion(), last.version)
	if behind := err == nil && order < 0; !behind {
		last.version, last.status = "", nil
		r.remember(key, last)
		return nil
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return fmt.Errorf("while encoding %s: %w", object.GetName(), err)
	}
	content["status"] = last.status
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, object); err != nil {
		return fmt.Errorf("while giving %s its newest status: %w", object.GetName(), err)
	}
	return nil
}

// report applies the status of after if it differs from that of before, and then announces a
// transition. That the object is gone, or that another object has its name by now, is not an error.
func (r *reporter) report(ctx context.Context, before, after resource) error {
	was, err := statusOf(before)
	if err != nil {
		return err
	}
	is, err := statusOf(after)
	if err != nil {
		return err
	}
	if !equality.Semantic.DeepEqual(was, is) {
		err := r.apply(ctx, after, is)
		switch {
		case apierrors.IsNotFound(err), apierrors.IsConflict(err):
			return nil
		case err != nil:
			return fmt.Errorf("while writing status: %w", err)
		}
		r.announceWarnings(ctx, before, after)
		r.announceVerification(ctx, before, after)
	}
	return r.announce(ctx, before, after)
}

// apply writes a status.
func (r *reporter) apply(ctx context.Context, object resource, status any) error {
	gvk, err := apiutil.GVKForObject(object, r.client.Scheme())
	if err != nil {
		return fmt.Errorf("while naming the kind of %s: %w", object.GetName(), err)
	}
	// With the UID the API server refuses if another object has this name by now.
	patch := &unstructured.Unstructured{Object: map[string]any{"status": status}}
	patch.SetGroupVersionKind(gvk)
	patch.SetNamespace(object.GetNamespace())
	patch.SetName(object.GetName())
	patch.SetUID(object.GetUID())
	err = r.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(patch),
		client.FieldOwner(v1alpha1.FieldManager), client.ForceOwnership)
	if err != nil {
		return err
	}
	last := r.lastReport(object)
	last.version, last.status = patch.GetResourceVersion(), patch.Object["status"] // as the API server has it
	r.remember(client.ObjectKeyFromObject(object), last)
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

// announce records an event and a log line if Ready differs from what was announced last. If the
// event cannot be recorded, the next report announces the transition again.
func (r *reporter) announce(ctx context.Context, before, after resource) error {
	last := r.lastReport(after)
	if last.announced == (transition{}) {
		last.announced = r.transitionOf(before)
	}
	is := r.transitionOf(after)
	if is == (transition{}) || is == last.announced {
		return nil
	}
	message := readyCondition(after).Message
	err := r.events.record(ctx, after, is.kind, is.reason, message)
	if err != nil && !apierrors.IsForbidden(err) { // as in a namespace that is being deleted
		return err
	}
	ctrl.LoggerFrom(ctx).Info("Ready has changed", "status", is.status, "reason", is.reason, "message", message)
	last.announced = is
	r.remember(client.ObjectKeyFromObject(after), last)
	return nil
}

// underWay are the reasons of Ready=False that are a normal step and not a problem.
var underWay = map[string]bool{
	v1alpha1.ConnectingReason: true, v1alpha1.RollingOutReason: true, v1alpha1.TerminatingReason: true, v1alpha1.InUseReason: true,
	v1alpha1.PendingReason: true, v1alpha1.RunningReason: true,
}

// startPatience is how long a new object may wait for other objects, which are often applied
// together with it, until that is a problem.
const startPatience = time.Minute

// mayFollow are the reasons of Ready=False that another object ends, which may have been applied a
// moment later.
var mayFollow = map[string]bool{
	v1alpha1.DatabaseNotReadyReason: true, v1alpha1.PolicyNotFoundReason: true,
	v1alpha1.SecretNotFoundReason: true, v1alpha1.SecretForbiddenReason: true,
}

// transitionOf is what an event about the object's Ready condition says; zero: it has none.
func (r *reporter) transitionOf(object resource) transition {
	ready := readyCondition(object)
	if ready == nil {
		return transition{}
	}
	is := transition{status: ready.Status, reason: ready.Reason, kind: corev1.EventTypeNormal}
	starting := mayFollow[ready.Reason] && r.now().Sub(object.GetCreationTimestamp().Time) < startPatience &&
		!meta.IsStatusConditionTrue(object.GetConditions(), v1alpha1.StalledCondition)
	if ready.Status == metav1.ConditionFalse && !underWay[ready.Reason] && !starting {
		is.kind = corev1.EventTypeWarning
	}
	return is
}

// warnings are the conditions that leave Ready as it is.
var warnings = []string{v1alpha1.ResyncFailingCondition, v1alpha1.PrivilegedRoleCondition}

// announceWarnings records an event for each warning that was not set before.
func (r *reporter) announceWarnings(ctx context.Context, before, after resource) {
	for _, kind := range warnings {
		is := meta.FindStatusCondition(after.GetConditions(), kind)
		if is != nil && meta.FindStatusCondition(before.GetConditions(), kind) == nil {
			r.events.note(ctx, after, corev1.EventTypeWarning, is.Reason, is.Message)
		}
	}
}

// announceVerification records an event and a log line if a verification ended otherwise than the
// one before. The first one is announced if it found something.
func (r *reporter) announceVerification(ctx context.Context, before, after resource) {
	was := meta.FindStatusCondition(before.GetConditions(), v1alpha1.LedgerConsistentCondition)
	is := meta.FindStatusCondition(after.GetConditions(), v1alpha1.LedgerConsistentCondition)
	switch {
	case is == nil, was != nil && was.Reason == is.Reason, was == nil && is.Status == metav1.ConditionTrue:
		return
	}
	kind := corev1.EventTypeNormal
	if is.Status == metav1.ConditionFalse {
		kind = corev1.EventTypeWarning
	}
	r.events.note(ctx, after, kind, is.Reason, is.Message)
	ctrl.LoggerFrom(ctx).Info("LedgerConsistent has changed", "status", is.Status, "reason", is.Reason, "message", is.Message)
}

// lastReport returns the last reported status of an object. It is empty if only an earlier object
// of this name was reported.
func (r *reporter) lastReport(object resource) reported {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.known[client.ObjectKeyFromObject(object)]
	if last.uid != string(object.GetUID()) {
		return reported{uid: string(object.GetUID())}
	}
	return last
}

func (r *reporter) remember(key client.ObjectKey, last reported) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[key] = last
}

// keepConditions drops what is remembered of the status of an object beside what shows that the
// object has finished.
func (r *reporter) keepConditions(key client.ObjectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.known[key]
	if status, ok := last.status.(map[string]any); ok {
		last.status = map[string]any{"observedGeneration": status["observedGeneration"], "conditions": status["conditions"]}
		r.known[key] = last
	}
}

func (r *reporter) forget(key client.ObjectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, key)
}
