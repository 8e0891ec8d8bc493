package controllers

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
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

// Cached is the transform of a manager's caches. It drops what no reconciler reads and a tenant can
// make large: labels, owners, managed fields, further annotations, and of the finalizers of others
// all but one, which shows that the object waits for others. A long value of an annotation becomes
// its digest, which the database has of a long request, too. Of a review it drops the answer, which
// is about people.
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
	for name, value := range ours {
		if len(value) > annotationBytes {
			ours[name] = database.RequestID(value)
		}
	}
	metadata.SetAnnotations(ours)
	metadata.SetFinalizers(shortened(metadata.GetFinalizers()))
	if review, ok := object.(*v1alpha1.RewardReview); ok {
		review.Status = v1alpha1.RewardReviewStatus{
			ObservedGeneration: review.Status.ObservedGeneration, Conditions: review.Status.Conditions,
		}
	}
	return object, nil
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
