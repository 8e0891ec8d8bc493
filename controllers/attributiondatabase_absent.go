package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
)

const (
	// absentPerReconcile bounds how many campaigns without an object one reconcile looks at. Each
	// takes a request to the API server and a transaction.
	absentPerReconcile = 20

	// absentInterval is the requeue while others are left.
	absentInterval = 2 * time.Second
)

// closeAbsentCampaigns closes declared campaigns that have no object: they attribute no signup and
// admit no pair any more. Nothing is reversed. A campaign of which this process has seen an object
// was deleted and is closed at once; one of which it saw none in this database is closed after
// absenceGrace. A reversal without an object ends at once, since the
// object may have gone because Retain was chosen.
//
// The cache alone does not prove that an object is absent, so the API server is asked too. An
// object of the campaign's name that refers to another database counts as absent. While an object
// is being deleted, its own reconciler handles it. If there are many, the next reconcile follows
// soon and goes on.
func (r *AttributionDatabaseReconciler) closeAbsentCampaigns(ctx context.Context, s *databaseScope) error {
	more, err := r.closeSomeAbsentCampaigns(ctx, s)
	if more {
		s.success.requeueAfter = min(s.success.requeueAfter, absentInterval)
	}
	return err
}

// closeSomeAbsentCampaigns looks at no more campaigns than one reconcile may, and reports whether
// others are left.
func (r *AttributionDatabaseReconciler) closeSomeAbsentCampaigns(ctx context.Context, s *databaseScope) (more bool, err error) {
	if !s.current() {
		return false, nil
	}
	present, err := r.campaignNames(ctx, s.adb)
	if err != nil {
		return false, err
	}
	looked := 0
	for _, declared := range s.schema.Campaigns {
		key := client.ObjectKey{Namespace: s.name.Namespace, Name: declared.Name}
		uid, seen := r.absence.lastSeen(key, s.name)
		switch {
		case present[declared.Name], declared.Mode == database.Closed:
			continue
		case !seen && declared.Mode != database.Reversing && !r.absence.graceOver(s.adb):
			continue
		case looked == absentPerReconcile:
			return true, nil
		}
		looked++
		absent, err := r.isAbsent(ctx, s.adb, declared.Name)
		if err != nil {
			return false, err
		}
		if !absent {
			continue
		}
		endedReversal, err := closeCampaign(ctx, s, declared, seen && string(uid) == declared.UID)
		if err != nil {
			return false, err
		}
		if endedReversal {
			r.reporter.events.note(ctx, s.adb, corev1.EventTypeWarning, "CreditsKept", fmt.Sprintf(
				"the reversal of campaign %s has ended, since its object is gone: credits that were not reversed yet stay", declared.Name))
		}
	}
	return false, nil
}

// closeCampaign closes one campaign. If the object that declared it was deleted, it can never
// declare the campaign again. It reports whether that has ended a reversal: the report may be older
// than the end of one that was complete.
func closeCampaign(ctx context.Context, s *databaseScope, declared database.CampaignStatus, deleted bool) (endedReversal bool, err error) {
	ctx, cancel := s.writing(ctx, writeTimeout)
	defer cancel()
	campaign := database.Campaign{OwnerUID: s.identity.UID, Name: declared.Name, UID: declared.UID}
	if deleted {
		return database.DeleteCampaign(ctx, s.db, campaign)
	}
	return database.CloseCampaign(ctx, s.db, campaign)
}

// campaignNames returns the names of the campaigns that refer to the database, according to the
// cache, and records that their objects were seen.
func (r *AttributionDatabaseReconciler) campaignNames(ctx context.Context, adb *v1alpha1.AttributionDatabase) (map[string]bool, error) {
	campaigns, err := campaignsBy(ctx, r.client, adb.Namespace, campaignByDatabase, adb.Name)
	if err != nil {
		return nil, err
	}
	names := make(map[string]bool, len(campaigns))
	for i := range campaigns {
		r.absence.saw(&campaigns[i])
		names[campaigns[i].Name] = true
	}
	return names, nil
}

// isAbsent reports whether no campaign of this name refers to the database, according to the API
// server itself.
func (r *AttributionDatabaseReconciler) isAbsent(ctx context.Context, adb *v1alpha1.AttributionDatabase, name string) (bool, error) {
	var campaign v1alpha1.ReferralCampaign
	err := r.live.Get(ctx, client.ObjectKey{Namespace: adb.Namespace, Name: name}, &campaign)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("while getting campaign %s: %w", name, err)
	}
	return campaign.Spec.DatabaseRef.Name != adb.Name, nil
}
