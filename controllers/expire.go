package controllers

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deleteExpired deletes a plan or a review whose ttl has passed. If the object is gone, or another
// one has its name by now, there is nothing to delete.
func deleteExpired(ctx context.Context, c client.Client, object client.Object, kind string) error {
	uid := object.GetUID()
	err := c.Delete(ctx, object, client.Preconditions{UID: &uid})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("while deleting a %s whose ttl has passed: %w", kind, err)
	}
	return nil
}
