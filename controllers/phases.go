package controllers

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/referral-operator/referral-operator/internal/engine"
)

// phase is one step of a reconcile over a scope: the objects and the snapshots that the reconcile
// has read, and what the phases before have found out. Its error decides conditions and requeue,
// see conclude.
type phase[S any] func(context.Context, S) error

// runPhases runs phases in order, up to the first error. A panic is an error, too: otherwise a
// reconcile that has broken off would be reported like one that has succeeded.
func runPhases[S any](ctx context.Context, scope S, phases []phase[S]) error {
	err := engine.Contain(func() error {
		for _, run := range phases {
			if err := run(ctx, scope); err != nil {
				return err
			}
		}
		return nil
	})
	if panicked, ok := errors.AsType[*engine.PanicError](err); ok {
		log.FromContext(ctx).Error(err, "Reconcile has panicked", "stack", string(panicked.Stack))
	}
	return err
}
