package controllers

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// annotations are those that a reconciler reads.
var annotations = map[string]bool{
	v1alpha1.TakeOverAnnotation:          true,
	v1alpha1.SuspendAnnotation:           true,
	v1alpha1.RequestedAtAnnotation:       true,
	v1alpha1.VerifyRequestedAtAnnotation: true,
	v1alpha1.AllowReversalsAnnotation:    true,
}

// annotationBytes is the most bytes of an annotation that caches keep as it is.
const annotationBytes = 4 << 10

// conditionTypes are those that the operator sets.
var conditionTypes = map[string]bool{
	v1alpha1.ReadyCondition:            true,
	v1alpha1.ReconcilingCondition:      true,
	v1alpha1.StalledCondition:          true,
	v1alpha1.ResyncFailingCondition:    true,
	v1alpha1.PrivilegedRoleCondition:   true,
	v1alpha1.LedgerConsistentCondition: true,
}

// Cached is the transform of a manager's caches. It drops what no reconciler reads and a tenant can
// make large: labels, owners, managed fields, generateName, further annotations and conditions, and
// of the finalizers of others all but one, which shows that the object waits for others. A long value
// of an annotation becomes its digest, which the database has of a long request, too.
//
// Of a plan it drops what is proposed, which is read from the API server when it is planned. Of a
// review it drops the answer, which is about people. Of either, once it has finished, it keeps what
// deletes it when its ttl is over: the number of these is bounded by quotas alone.
func Cached(object any) (any, error) {
	metadata, err := meta.Accessor(object)
	if err != nil {
		return object, nil //nolint:nilerr // the tombstone of an object that was deleted unseen has no metadata
	}
	metadata.SetManagedFields(nil)
	metadata.SetOwnerReferences(nil)
	metadata.SetLabels(nil)
	metadata.SetGenerateName("")
	ours := metadata.GetAnnotations()
	maps.DeleteFunc(ours, func(name, _ string) bool { return !annotations[name] })
	for name, value := range ours {
		if len(value) > annotationBytes {
			ours[name] = database.RequestID(value)
		}
	}
	metadata.SetAnnotations(ours)
	metadata.SetFinalizers(shortened(metadata.GetFinalizers()))
	if of, ok := object.(resource); ok {
		of.SetConditions(ownConditions(of.GetConditions()))
	}
	switch object := object.(type) {
	case *v1alpha1.RewardPlan:
		cachedPlan(object)
	case *v1alpha1.RewardReview:
		cachedReview(object)
	}
	return object, nil
}

func cachedPlan(plan *v1alpha1.RewardPlan) {
	plan.Annotations = nil
	plan.Spec.Proposed = nil
	if finished(plan) {
		plan.Spec = v1alpha1.RewardPlanSpec{TTL: plan.Spec.TTL}
		plan.Status = v1alpha1.RewardPlanStatus{
			ObservedGeneration: plan.Status.ObservedGeneration, Conditions: plan.Status.Conditions,
		}
	}
}

func cachedReview(review *v1alpha1.RewardReview) {
	review.Annotations = nil
	if answered(review) {
		review.Spec = v1alpha1.RewardReviewSpec{TTL: review.Spec.TTL}
	}
	review.Status = v1alpha1.RewardReviewStatus{
		ObservedGeneration: review.Status.ObservedGeneration, Conditions: review.Status.Conditions,
	}
}

// ownConditions returns the conditions that the operator sets, with messages as long as it writes
// them.
func ownConditions(conditions []metav1.Condition) []metav1.Condition {
	conditions = slices.DeleteFunc(conditions, func(c metav1.Condition) bool { return !conditionTypes[c.Type] })
	for i := range conditions {
		conditions[i].Message = postgres.Cut(conditions[i].Message, messageBytes)
	}
	return conditions
}

// shortened returns our finalizer, if it is among these, and the first one of others.
func shortened(finalizers []string) []string {
	var kept []string
	if slices.Contains(finalizers, v1alpha1.Finalizer) {
		kept = append(kept, v1alpha1.Finalizer)
	}
	if i := slices.IndexFunc(finalizers, func(finalizer string) bool { return finalizer != v1alpha1.Finalizer }); i >= 0 {
		kept = append(kept, finalizers[i])
	}
	return kept
}
