package controllers

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// resumption says what has to be the case for a suspended object to be resumed, by its spec.suspend
// and its annotations. name names an object other than the one that the sentence is shown on.
func resumption(object client.Object, suspend bool, name string) string {
	field, annotation := "spec.suspend"+name+" is false", "the annotation "+v1alpha1.SuspendAnnotation+name+" is removed"
	switch {
	case !suspend:
		return annotation
	case v1alpha1.SuspendedByAnnotation(object):
		return field + " and " + annotation
	default:
		return field
	}
}

// suspendedDatabase says on another object that its database is suspended.
func suspendedDatabase(adb *v1alpha1.AttributionDatabase) string {
	return "nothing is decided until " +
		resumption(adb, adb.Spec.Suspend, " of AttributionDatabase "+client.ObjectKeyFromObject(adb).String())
}

// confirmResumption requires that the API server itself has this object and does not suspend it. A
// cache that lags behind may lack the annotation that suspends, which raises no generation: a
// suspension that the leader before has declared would be lifted.
func confirmResumption[T any, P interface {
	*T
	client.Object
	Suspended() bool
}](ctx context.Context, live client.Reader, object P) error {
	found, err := find(ctx, live, client.ObjectKeyFromObject(object), P(new(T)))
	if err == nil && (found == nil || found.GetUID() != object.GetUID() || found.Suspended()) {
		err = &waitingError{requeueAfter: staleInterval, shown: never, err: errors.New("the cache is behind a suspension")}
	}
	return err
}
