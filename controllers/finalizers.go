package controllers

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// setFinalizer puts our finalizer on an object or removes it, and writes only what differs. A write
// replaces the object's status by that of the API server.
func setFinalizer(ctx context.Context, c client.Client, object resource, wanted bool) error {
	original, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("%T is not an object of the API server", object)
	}
	change := controllerutil.RemoveFinalizer
	if wanted {
		change = controllerutil.AddFinalizer
	}
	if !change(object, v1alpha1.Finalizer) {
		return nil
	}
	if err := patchMetadata(ctx, c, object, original); err != nil {
		object.SetFinalizers(original.GetFinalizers())
		return fmt.Errorf("while changing the finalizers: %w", err)
	}
	return nil
}

// patchMetadata writes what differs from the original, unless the object has gone.
func patchMetadata(ctx context.Context, c client.Client, object, original client.Object) error {
	// The lock keeps what other clients write meanwhile, such as a finalizer of another controller.
	patch := client.MergeFromWithOptions(original, client.MergeFromWithOptimisticLock{})
	err := client.IgnoreNotFound(c.Patch(ctx, object, patch, client.FieldOwner(v1alpha1.FieldManager)))
	if apierrors.IsConflict(err) {
		return &waitingError{requeueAfter: staleInterval, shown: never, err: err}
	}
	return err
}

// letGo reports whether an object is being deleted and does not wait for our finalizer: there is
// nothing left to report.
func letGo(object resource) bool {
	return !object.GetDeletionTimestamp().IsZero() && !controllerutil.ContainsFinalizer(object, v1alpha1.Finalizer)
}

// gone reports whether an object is being deleted and waits for no finalizer: it goes now, or has
// gone.
func gone(object resource) bool {
	return !object.GetDeletionTimestamp().IsZero() && len(object.GetFinalizers()) == 0
}
