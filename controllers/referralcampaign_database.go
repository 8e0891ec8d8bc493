package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// outagePatience is how long a database may be away before its campaigns say so. Until then it shows on the
	// AttributionDatabase only.
	outagePatience = time.Minute

	// busyInterval is when to come again to a database that others are using.
	busyInterval = 200 * time.Millisecond

	// staleInterval is when to come again after our cache lagged behind.
	staleInterval = time.Second
)

// outages are the reasons for which a database that was Ready may be so again in a moment.
var outages = map[string]bool{
	v1alpha1.UnreachableReason:          true,
	v1alpha1.AuthenticationFailedReason: true,
	v1alpha1.EngineFailingReason:        true,
	v1alpha1.ConnectingReason:           true,
}

// harmless are the reasons for which a database that is not Ready can be used all the same.
var harmless = map[string]bool{
	v1alpha1.InUseReason:        true,
	v1alpha1.RoleNotFoundReason: true,
}

// database finds the campaign's database. Conditions: DatabaseNotReady.
func (r *ReferralCampaignReconciler) database(ctx context.Context, campaign *v1alpha1.ReferralCampaign) (*v1alpha1.AttributionDatabase, error) {
	name := client.ObjectKey{Namespace: campaign.Namespace, Name: campaign.Spec.DatabaseRef.Name}
	var adb v1alpha1.AttributionDatabase
	err := r.client.Get(ctx, name, &adb)
	if apierrors.IsNotFound(err) {
		return nil, waiting(v1alpha1.DatabaseNotReadyReason, "spec.databaseRef: there is no AttributionDatabase %s", name)
	}
	if err != nil {
		return nil, fmt.Errorf("while getting AttributionDatabase %s: %w", name, err)
	}
	return &adb, nil
}

// usable waits until a database can be declared in. Conditions: DatabaseNotReady.
func (r *ReferralCampaignReconciler) usable(adb *v1alpha1.AttributionDatabase) error {
	name, ready := client.ObjectKeyFromObject(adb), readyCondition(adb)
	switch {
	case ready == nil:
		return waiting(v1alpha1.DatabaseNotReadyReason, "AttributionDatabase %s has not been looked at yet", name)
	case usable(adb):
		return nil
	}
	wait := &waitingError{
		reason: v1alpha1.DatabaseNotReadyReason,
		err:    fmt.Errorf("AttributionDatabase %s is not ready: %s: %s", name, ready.Reason, ready.Message),
	}
	if left := outagePatience - r.now().Sub(ready.LastTransitionTime.Time); outages[ready.Reason] && left > 0 {
		wait.after, wait.shown = left, unlessInForce
	}
	return wait
}

// unusable is for a database that turns out not to be usable although its AttributionDatabase does not say so yet.
func unusable(adb *v1alpha1.AttributionDatabase, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, hosting.ErrBusy):
		return &waitingError{after: busyInterval, shown: never, err: err}
	}
	return &waitingError{
		reason: v1alpha1.DatabaseNotReadyReason,
		after:  recheckInterval,
		shown:  unlessInForce,
		err: fmt.Errorf("AttributionDatabase %s cannot be used: %s",
			client.ObjectKeyFromObject(adb), postgres.Message(err)),
	}
}
