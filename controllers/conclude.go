package controllers

import (
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/jitter"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// resource is what all kinds have in common.
type resource interface {
	client.Object
	GetConditions() []metav1.Condition
	SetConditions([]metav1.Condition)
	GetObservedGeneration() int64
	SetObservedGeneration(int64)
}

// success is what conditions say when no phase returned an error.
type success struct {
	reason       string
	message      string
	requeueAfter time.Duration // zero: a watch notices the next change
}

// conclude turns the outcome of a reconcile into conditions and the time of the next one.
// Ready, Stalled and Reconciling are set nowhere else:
//
//	                 Ready           Stalled   Reconciling              observedGeneration
//	no error         True            -         -                        moves
//	stalledError     False           True      -                        moves
//	waitingError     False           -         for a declared edit      stays
//	another error    False, Failed   -         for a declared edit      stays
//
// An edit is declared while observedGeneration lags behind, and until its rollout has ended:
// observedGeneration is the newest generation that is in force, or that is known never to come into
// force.
func conclude(object resource, good success, err error) (ctrl.Result, error) {
	if err == nil {
		object.SetObservedGeneration(object.GetGeneration())
		setReady(object, metav1.ConditionTrue, good.reason, good.message)
		removeCondition(object, v1alpha1.StalledCondition)
		removeCondition(object, v1alpha1.ReconcilingCondition)
		return ctrl.Result{RequeueAfter: jitter.Spread(good.requeueAfter)}, nil
	}
	if stall, ok := errors.AsType[*stalledError](err); ok {
		object.SetObservedGeneration(object.GetGeneration())
		setReady(object, metav1.ConditionFalse, stall.reason, stall.Error())
		setCondition(object, v1alpha1.StalledCondition, metav1.ConditionTrue, stall.reason, stall.Error())
		removeCondition(object, v1alpha1.ReconcilingCondition)
		return ctrl.Result{RequeueAfter: jitter.Spread(stall.requeueAfter)}, nil
	}
	if wait, ok := errors.AsType[*waitingError](err); ok {
		if wait.shows(object) {
			setUnready(object, wait.reason, wait.Error(), wait.edit)
		}
		after := wait.requeueAfter
		if after == 0 && object.GetObservedGeneration() < 0 {
			after = startPatience // what is a normal step at first is a problem then
		}
		return ctrl.Result{RequeueAfter: jitter.Spread(after)}, nil
	}
	setUnready(object, v1alpha1.FailedReason, err.Error(), false)
	return ctrl.Result{}, err
}

// shows reports whether a wait of this object shows in its conditions.
func (e *waitingError) shows(object resource) bool {
	switch e.shown {
	case unlessInForce:
		return !inForce(object)
	case unlessSettled:
		return !settled(object)
	case unlessReady:
		return !meta.IsStatusConditionTrue(object.GetConditions(), v1alpha1.ReadyCondition)
	case never:
		return false
	case always:
	}
	return true
}

// inForce reports whether the object is Ready with its current generation.
func inForce(object resource) bool {
	return object.GetObservedGeneration() == object.GetGeneration() &&
		meta.IsStatusConditionTrue(object.GetConditions(), v1alpha1.ReadyCondition)
}

// settled reports whether the object shows what has become of its current generation: it is in
// force, is being rolled out, or needs a person.
func settled(object resource) bool {
	ready := readyCondition(object)
	return inForce(object) || object.GetObservedGeneration() == object.GetGeneration() && ready != nil &&
		(ready.Reason == v1alpha1.RollingOutReason || meta.IsStatusConditionTrue(object.GetConditions(), v1alpha1.StalledCondition))
}

// changing reports whether a declared edit of the object is not in force yet.
func changing(object resource) bool {
	campaign, ok := object.(*v1alpha1.ReferralCampaign)
	return object.GetObservedGeneration() != object.GetGeneration() || ok && rolloutUnfinished(campaign)
}

func setUnready(object resource, reason, message string, edit bool) {
	setReady(object, metav1.ConditionFalse, reason, message)
	removeCondition(object, v1alpha1.StalledCondition)
	if edit || changing(object) {
		setCondition(object, v1alpha1.ReconcilingCondition, metav1.ConditionTrue, reason, message)
	} else {
		removeCondition(object, v1alpha1.ReconcilingCondition)
	}
}

func setReady(object resource, status metav1.ConditionStatus, reason, message string) {
	setCondition(object, v1alpha1.ReadyCondition, status, reason, message)
}

// messageBytes is the most bytes of a condition's message that people read. The API server refuses
// a status with a message above 32 KiB, and the object would show its earlier conditions for ever.
const messageBytes = 4 << 10

func setCondition(object resource, kind string, status metav1.ConditionStatus, reason, message string) {
	conditions := object.GetConditions()
	meta.SetStatusCondition(&conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: postgres.Plain(message, messageBytes),
		ObservedGeneration: object.GetGeneration(),
	})
	object.SetConditions(conditions)
}

func removeCondition(object resource, kind string) {
	conditions := object.GetConditions()
	meta.RemoveStatusCondition(&conditions, kind)
	object.SetConditions(conditions)
}

func readyCondition(object resource) *metav1.Condition {
	return meta.FindStatusCondition(object.GetConditions(), v1alpha1.ReadyCondition)
}
