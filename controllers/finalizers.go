package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// setFinalizer puts our finalizer on an object or removes it, and writes only what differs. A write
// replaces the object's status by that of the API server. The finalizers of others, which stay, are
// read from the API server itself: the cache lacks them, see Cached.
func setFinalizer(ctx context.Context, c client.Client, live client.Reader, object resource, wanted bool) error {
	if controllerutil.ContainsFinalizer(object, v1alpha1.Finalizer) == wanted {
		return nil
	}
	whole, ok := object.DeepCopyObject().(resource)
	if !ok {
		return fmt.Errorf("a copy of %T is no object", object)
	}
	err := live.Get(ctx, client.ObjectKeyFromObject(object), whole)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("while reading the finalizers: %w", err)
	}
	if err == nil && whole.GetResourceVersion() != object.GetResourceVersion() {
		return &waitingError{requeueAfter: staleInterval, shown: never, err: errors.New("the cache is behind the API server")}
	}
	change := controllerutil.RemoveFinalizer
	if wanted {
		change = controllerutil.AddFinalizer
	}
	change(whole, v1alpha1.Finalizer)
	cached := object.GetFinalizers()
	object.SetFinalizers(whole.GetFinalizers())
	if err := patchMetadata(ctx, c, object, map[string]any{"finalizers": whole.GetFinalizers()}); err != nil {
		object.SetFinalizers(cached)
		return fmt.Errorf("while changing the finalizers: %w", err)
	}
	return nil
}

// patchMetadata merges these fields into the metadata of an object, unless the object has gone. It
// names what it changes: of an object from the cache, which lacks the annotations of others, the
// difference between two copies could be all annotations.
func patchMetadata(ctx context.Context, c client.Client, object client.Object, fields map[string]any) error {
	// The lock keeps what other clients write meanwhile, such as a finalizer of another controller.
	fields["resourceVersion"] = object.GetResourceVersion()
	patch, err := json.Marshal(map[string]any{"metadata": fields})
	if err != nil {
		return fmt.Errorf("while encoding a change of metadata: %w", err)
	}
	err = client.IgnoreNotFound(c.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(v1alpha1.FieldManager)))
	if apierrors.IsConflict(err) {
		return &waitingError{requeueAfter: staleInterval, shown: never, err: err}
	}
	if err != nil {
		return err
	}
	_, err = Cached(object) // the answer has all of the object, such as a long annotation
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
