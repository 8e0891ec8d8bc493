package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// resource is what the three kinds have in common.
type resource interface {
	client.Object
	GetConditions() []metav1.Condition
	SetConditions([]metav1.Condition)
	GetObservedGeneration() int64
	SetObservedGeneration(int64)
}

// verdict is how a reconcile went well.
type verdict struct {
	reason  string
	message string
	again   time.Duration // look again after this; zero: something will wake us
}

// conclude turns the end of a reconcile into conditions and the time of the next one. It is the only place where
// conditions are made:
//
//	                 Ready           Stalled   Reconciling                  observedGeneration
//	no error         True            -         -                            moves
//	stalledError     False           True      -                            moves
//	waitingError     False           -         for a declared change        stays
//	another error    False, Failed   -         for a declared change        stays
//
// A change is declared while observedGeneration lags behind, which is thus the newest generation that is in force, or that
// is known never to be.
func conclude(object resource, good verdict, err error) (ctrl.Result, error) {
	if err == nil {
		object.SetObservedGeneration(object.GetGeneration())
		setReady(object, metav1.ConditionTrue, good.reason, good.message)
		removeCondition(object, v1alpha1.StalledCondition)
		removeCondition(object, v1alpha1.ReconcilingCondition)
		return ctrl.Result{RequeueAfter: jittered(good.again)}, nil
	}
	if stall := asStalled(err); stall != nil {
		object.SetObservedGeneration(object.GetGeneration())
		setReady(object, metav1.ConditionFalse, stall.reason, stall.Error())
		setCondition(object, v1alpha1.StalledCondition, metav1.ConditionTrue, stall.reason, stall.Error())
		removeCondition(object, v1alpha1.ReconcilingCondition)
		return ctrl.Result{RequeueAfter: jittered(stall.recheck)}, nil
	}
	if wait := asWaiting(err); wait != nil {
		if wait.shown == always || wait.shown == unlessInForce && !inForce(object) {
			setUnready(object, wait.reason, wait.Error(), wait.change)
		}
		return ctrl.Result{RequeueAfter: jittered(wait.after)}, nil
	}
	setUnready(object, v1alpha1.FailedReason, err.Error(), false)
	return ctrl.Result{}, err
}

// inForce says whether the object was Ready with what it declares now.
func inForce(object resource) bool {
	return object.GetObservedGeneration() == object.GetGeneration() &&
		meta.IsStatusConditionTrue(object.GetConditions(), v1alpha1.ReadyCondition)
}

func setUnready(object resource, reason, message string, change bool) {
	setReady(object, metav1.ConditionFalse, reason, message)
	removeCondition(object, v1alpha1.StalledCondition)
	if change || object.GetObservedGeneration() != object.GetGeneration() {
		setCondition(object, v1alpha1.ReconcilingCondition, metav1.ConditionTrue, reason, message)
	} else {
		removeCondition(object, v1alpha1.ReconcilingCondition)
	}
}

func setReady(object resource, status metav1.ConditionStatus, reason, message string) {
	setCondition(object, v1alpha1.ReadyCondition, status, reason, message)
}

func setCondition(object resource, kind string, status metav1.ConditionStatus, reason, message string) {
	conditions := object.GetConditions()
	meta.SetStatusCondition(&conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: object.GetGeneration(),
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
