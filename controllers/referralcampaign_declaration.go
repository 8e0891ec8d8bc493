package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// declare puts the campaign into force. Once it has returned nothing commits that was decided under what was in force
// before, so that a status written afterwards is the truth.
//
// Conditions: DatabaseNotReady; Terminating, for an object that the database knows to be gone.
func (r *ReferralCampaignReconciler) declare(
	ctx context.Context, campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase, follows followed,
) (database.Declared, error) {
	declaration, err := declarationOf(campaign, adb, follows)
	if err != nil {
		return database.Declared{}, err
	}
	var declared database.Declared
	err = r.registry.Use(ctx, client.ObjectKeyFromObject(adb), func(ctx context.Context, db *postgres.DB) error {
		if follows.kept {
			status, err := database.ReadStatus(ctx, db)
			if err != nil {
				return err
			}
			declaration.Budget = find(status, campaign.Name).Budget
		}
		var err error
		declared, err = database.Declare(ctx, db, declaration)
		return err
	})
	if err == nil && declared.Deleted {
		return declared, &waitingError{reason: v1alpha1.TerminatingReason, after: compareInterval, err: fmt.Errorf(
			"the database says that this object (uid %s) was deleted or replaced: what it declares is ignored; if it is there all the same, "+
				"as after a restore of the API server's storage, delete it and apply it again", campaign.UID)}
	}
	if err == nil && declared.Stale {
		err = &waitingError{after: staleInterval, shown: never, err: errors.New("a newer generation is in force already")}
		return declared, err
	}
	return declared, unusable(adb, err)
}

func declarationOf(
	campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase, follows followed,
) (database.Declaration, error) {
	declaration := database.Declaration{
		OwnerUID:    string(adb.UID),
		Name:        campaign.Name,
		Mode:        follows.mode,
		Destination: campaign.Spec.Destination,
		Budget:      (*database.Money)(follows.budget),
		UID:         string(campaign.UID),
		Generation:  campaign.Generation,
		Policy:      follows.policy,
		Scope:       string(follows.scope),
	}
	if campaign.Spec.StartsAt != nil {
		declaration.StartsAt = campaign.Spec.StartsAt.Time
	}
	if campaign.Spec.EndsAt != nil {
		declaration.EndsAt = campaign.Spec.EndsAt.Time
	}
	if campaign.Spec.AttributionWindow != nil {
		declaration.AttributionWindow = campaign.Spec.AttributionWindow.Duration
	}
	if campaign.Spec.ResyncInterval != nil {
		declaration.ResyncInterval = campaign.Spec.ResyncInterval.Duration
	}
	if follows.terms == nil {
		return declaration, nil
	}
	encoded, err := json.Marshal(follows.terms)
	if err != nil {
		return declaration, fmt.Errorf("while encoding the terms of RewardPolicy %s: %w", follows.policy.Name, err)
	}
	declaration.Terms, declaration.Digest = encoded, follows.terms.Digest()
	return declaration, nil
}

// inForce reports what was declared, and the counters next to it.
func (r *ReferralCampaignReconciler) inForce(
	campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase, follows followed, declared database.Declared,
) {
	switch {
	case declared.Revision == 0:
		campaign.Status.Policy = nil
	case follows.terms != nil:
		campaign.Status.Policy = &v1alpha1.PolicyInForce{
			Name: campaign.Spec.PolicyRef.Name, Revision: int64(declared.Revision), Digest: declared.Digest,
		}
	}
	campaign.Status.Rollout = nil
	if declared.Revision > 0 {
		campaign.Status.Rollout = &v1alpha1.Rollout{Revision: int64(declared.Revision)}
	}
	counters, _ := r.counters(campaign, adb)
	if counters.Rollout != nil {
		campaign.Status.Rollout = &v1alpha1.Rollout{
			Revision: int64(counters.Rollout.Revision), Decided: counters.Rollout.Decided, Total: counters.Rollout.Total,
		}
	}
}
