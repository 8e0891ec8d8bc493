package controllers

import "context"

// phase is one step of a reconcile over a scope: the objects and the snapshots that the reconcile
// has read, and what the phases before have found out. Its error decides conditions and requeue,
// see conclude.
type phase[S any] func(context.Context, S) error

// runPhases runs phases in order, up to the first error.
func runPhases[S any](ctx context.Context, scope S, phases []phase[S]) error {
	for _, run := range phases {
		if err := run(ctx, scope); err != nil {
			return err
		}
	}
	return nil
}
