package controllers

import (
	"context"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// explainStale explains why a declaration was ignored: a later generation of the object is in
// force. Usually a cache lags behind, which is over in a moment. If the API server itself has no
// later generation, its storage was restored from a copy, and only a person can cure that: by
// edits, or otherwise. ignored says what is ignored, as in "its spec is".
//
// Conditions: InvalidSpec, which is Stalled.
func explainStale[T any, P interface {
	*T
	client.Object
}](ctx context.Context, live client.Reader, object P, inForce int64, ignored, otherwise string) error {
	key := client.ObjectKeyFromObject(object)
	found, err := find(ctx, live, key, P(new(T)))
	if err != nil {
		return err
	}
	kind := strings.TrimPrefix(fmt.Sprintf("%T", object), "*v1alpha1.")
	cause := fmt.Errorf("%s %s has generation %d, and its generation %d is in force in the database", kind, key, object.GetGeneration(), inForce)
	if found == nil || found.GetUID() != object.GetUID() || found.GetGeneration() != object.GetGeneration() {
		return &waitingError{requeueAfter: staleInterval, shown: never, err: cause}
	}
	return &stalledError{reason: v1alpha1.InvalidSpecReason, requeueAfter: compareInterval, err: fmt.Errorf(
		"%w, as after a restore of the API server's storage, so %s ignored: edit the spec until metadata.generation is %d%s",
		cause, ignored, inForce, otherwise)}
}
