package controllers

import (
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
)

// seen waits until the counters are those of a time after the newest revision was recorded. That one may have pairs decided
// again, and must not pass for being in force before that shows.
func (r *ReferralCampaignReconciler) seen(
	campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase, declared database.Declared,
) error {
	counters, _ := r.counters(campaign, adb)
	if declared.Revision <= 1 || counters.Revision >= declared.Revision {
		return nil
	}
	r.registry.Changes().Add(client.ObjectKeyFromObject(adb)) // for its reconciler to read them now
	return &waitingError{after: staleInterval, shown: never, err: errors.New("what the new terms have set going is being read")}
}

// rollout waits until everybody has been decided again whom the newest revision reaches of those who were there before it.
//
// Conditions: RollingOut.
func (r *ReferralCampaignReconciler) rollout(campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase) error {
	counters, _ := r.counters(campaign, adb)
	if counters.Rollout == nil || counters.Rollout.Done {
		return nil
	}
	message := fmt.Sprintf("revision %d reaches pairs of before it: %d of %d have been decided again",
		counters.Rollout.Revision, counters.Rollout.Decided, counters.Rollout.Total)
	if adb.Spec.Suspend {
		message += "; " + suspendedDatabase(adb)
	}
	return &waitingError{reason: v1alpha1.RollingOutReason, after: recheckInterval, change: true, err: errors.New(message)}
}

func suspendedDatabase(adb *v1alpha1.AttributionDatabase) string {
	return fmt.Sprintf("nothing is decided until spec.suspend of AttributionDatabase %s is false", client.ObjectKeyFromObject(adb))
}
