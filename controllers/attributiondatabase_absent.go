package controllers

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
)

// closeAbsentCampaigns closes declared campaigns that have no object: they attribute no signup and
// admit no pair any more. Nothing is reversed. A campaign whose object this process has seen was
// deleted and is closed at once; a campaign whose object it never saw is closed after absenceGrace.
//
// The cache alone does not prove that an object is absent, so the API server is asked too. An
// object of the campaign's name that refers to another database counts as absent. While an object
// is being deleted, its own reconciler handles it.
func (r *AttributionDatabaseReconciler) closeAbsentCampaigns(ctx context.Context, s *databaseScope) error {
	if !s.current() {
		return nil
	}
	present, err := r.campaignNames(ctx, s.adb)
	if err != nil {
		return err
	}
	for _, declared := range s.schema.Campaigns {
		deleted := r.absence.wasSeen(client.ObjectKey{Namespace: s.name.Namespace, Name: declared.Name}, declared.UID)
		if declared.Mode == database.Closed || present[declared.Name] || !deleted && !r.absence.graceOver(s.adb) {
			continue
		}
		absent, err := r.isAbsent(ctx, s.adb, declared.Name)
		if err != nil {
			return err
		}
		if !absent {
			continue
		}
		if err := closeCampaign(ctx, s, declared, deleted); err != nil {
			return err
		}
	}
	return nil
}

// closeCampaign closes one campaign. If its object was deleted, the object can never declare the
// campaign again.
func closeCampaign(ctx context.Context, s *databaseScope, declared database.CampaignStatus, deleted bool) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
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
