package controllers

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// giveUp lets an AttributionDatabase go once no campaign refers to it: it drops nothing, and gives up the ownership of the
// schema. Until then everything goes on as before.
//
// Gone means that the Secret does not exist any more. A database that is merely unreachable is not gone: somebody else
// would find the schema owned and wait, so the object stays and says what it waits for.
//
// Conditions: InUse, Terminating.
func (r *AttributionDatabaseReconciler) giveUp(ctx context.Context, adb *v1alpha1.AttributionDatabase) error {
	if letGo(adb) {
		return nil
	}
	campaigns, err := campaignsBy(ctx, r.client, adb.Namespace, campaignByDatabase, adb.Name)
	if err != nil {
		return err
	}
	if len(campaigns) > 0 {
		if err := r.converge(ctx, adb); err != nil {
			return err
		}
		return &waitingError{reason: v1alpha1.InUseReason, after: r.statusInterval, err: inUse(campaigns)}
	}
	if err := r.release(ctx, adb); err != nil {
		return err
	}
	return setFinalizer(ctx, r.client, adb, false)
}

// release closes what campaigns left behind and gives up ownership, as far as there is any.
func (r *AttributionDatabaseReconciler) release(ctx context.Context, adb *v1alpha1.AttributionDatabase) error {
	name := client.ObjectKeyFromObject(adb)
	state := r.registry.State(name)
	if state.Source != sourceOf(adb) {
		return &waitingError{
			reason: v1alpha1.TerminatingReason, after: recheckInterval, err: errors.New("the ownership of the schema is being given up"),
		}
	}
	err := r.registry.Prepare(ctx, name, func(ctx context.Context, db *postgres.DB) error {
		return r.schema(adb, db).release(ctx)
	})
	if err == nil || secretGone(state) || neverOwned(adb) {
		return nil
	}
	cause := postgres.Message(err)
	if state.Refusal != nil {
		cause = state.Refusal.Error()
	}
	return &waitingError{
		reason: v1alpha1.TerminatingReason, after: recheckInterval,
		err: fmt.Errorf("the ownership of schema %s cannot be given up: %s; to let go without that, delete Secret %s/%s",
			adb.Spec.Schema, cause, adb.Namespace, adb.Spec.SecretRef.Name),
	}
}

// secretGone says whether the Secret with the database's URI does not exist, as far as is known.
func secretGone(state hosting.State) bool {
	var refused *settingsError
	return errors.As(state.Refusal, &refused) && refused.gone
}

// neverOwned says whether this object never got as far as to write to its database.
func neverOwned(adb *v1alpha1.AttributionDatabase) bool {
	return adb.Status.Owner != client.ObjectKeyFromObject(adb).String()
}

// release is what is done in the database. What is not ours, or not there, is released already.
func (s *schema) release(ctx context.Context) error {
	if err := s.observe(ctx); err != nil {
		return err
	}
	if !s.owned() {
		return nil
	}
	if err := s.closeAbsent(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return database.Release(ctx, s.db, s.identity)
}

// inUse names the campaigns that keep a database.
func inUse(campaigns []v1alpha1.ReferralCampaign) error {
	var names []string
	for i := range campaigns {
		names = append(names, campaigns[i].Name)
	}
	return fmt.Errorf("%d ReferralCampaigns refer to this database: %s; delete them first", len(campaigns), some(names))
}

// campaignNames are the names of the campaigns that refer to a database, as our cache has them. They have been seen then.
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

// isGone asks the API server itself whether no campaign of this name refers to the database any more.
func (r *AttributionDatabaseReconciler) isGone(ctx context.Context, adb *v1alpha1.AttributionDatabase, name string) (bool, error) {
	var campaign v1alpha1.ReferralCampaign
	err := r.live.Get(ctx, client.ObjectKey{Namespace: adb.Namespace, Name: name}, &campaign)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("while looking for campaign %s: %w", name, err)
	}
	return campaign.Spec.DatabaseRef.Name != adb.Name, nil
}
