package controllers

import (
	"context"
	"errors"
	"fmt"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// awaitFreshCounters waits for a report that is not older than the declared revision. That revision
// may have pairs decided again, and reversals may be withheld: without the report the campaign
// would be Ready too early. A campaign in force stays Ready while there is no memory for reports.
//
// Conditions: DatabaseNotReady, for a declared edit without that memory.
func (r *ReferralCampaignReconciler) awaitFreshCounters(_ context.Context, s *campaignScope) error {
	if s.reported && (s.declared.Revision <= 1 || s.counters.Revision >= s.declared.Revision) {
		return nil
	}
	if !s.reported && s.host.Unreported {
		// The database is not read again for this campaign. Its next report wakes the campaign.
		return &waitingError{
			reason: v1alpha1.DatabaseNotReadyReason, requeueAfter: compareInterval, shown: unlessInForce,
			err: fmt.Errorf("the campaign is declared in its database, but its counters are not known: %w", hosting.ErrReportsInUse),
		}
	}
	r.registry.Changes().Add(s.databaseName()) // wakes the database's reconciler, which reads the report
	return &waitingError{requeueAfter: staleInterval, shown: never, err: errors.New("the campaign's counters are being read")}
}

// rolloutUnfinished reports whether pairs that the newest revision reaches have not been decided
// again, as far as is known. A suspended campaign does not wait for them.
func rolloutUnfinished(campaign *v1alpha1.ReferralCampaign) bool {
	rollout := campaign.Status.Rollout
	return rollout != nil && rollout.Decided < rollout.Total && !campaign.Suspended()
}

// awaitRollout waits until every pair that the newest revision reaches has been decided again.
//
// Conditions: RollingOut.
func (r *ReferralCampaignReconciler) awaitRollout(_ context.Context, s *campaignScope) error {
	rollout := s.counters.Rollout
	if rollout == nil || rollout.Done {
		return nil
	}
	message := fmt.Sprintf("revision %d reaches existing pairs: %d of %d have been decided again",
		rollout.Revision, rollout.Decided, rollout.Total)
	if s.adb.Suspended() {
		message += "; " + suspendedDatabase(s.adb)
	}
	return &waitingError{
		reason: v1alpha1.RollingOutReason, requeueAfter: recheckInterval, edit: true, err: errors.New(message),
	}
}
