package controllers

import (
	"maps"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// annotations are those that a reconciler reads.
var annotations = map[string]bool{
	v1alpha1.TakeOverAnnotation:          true,
	v1alpha1.SuspendAnnotation:           true,
	v1alpha1.RequestedAtAnnotation:       true,
	v1alpha1.VerifyRequestedAtAnnotation: true,
	v1alpha1.AllowReversalsAnnotation:    true,
}

// Cached is the transform of a manager's caches. It drops what no reconciler reads and a tenant can
// make large: labels, owners, managed fields and further annotations. Of a review it drops the
// answer too, which is about people.
func Cached(object any) (any, error) {
	metadata, err := meta.Accessor(object)
	if err != nil {
		return object, nil //nolint:nilerr // the tombstone of an object that was deleted unseen has no metadata
	}
	metadata.SetManagedFields(nil)
	metadata.SetOwnerReferences(nil)
	metadata.SetLabels(nil)
	ours := metadata.GetAnnotations()
	maps.DeleteFunc(ours, func(name, _ string) bool { return !annotations[name] })
	metadata.SetAnnotations(ours)
	if review, ok := object.(*v1alpha1.RewardReview); ok {
		review.Status = v1alpha1.RewardReviewStatus{
			ObservedGeneration: review.Status.ObservedGeneration, Conditions: review.Status.Conditions,
		}
	}
	return object, nil
}
