package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// campaignScope is one reconcile of a ReferralCampaign. Everything from outside is read once, so
// that all phases judge the same moment.
type campaignScope struct {
	campaign *v1alpha1.ReferralCampaign
	adb      *v1alpha1.AttributionDatabase // nil: does not exist
	policy   *v1alpha1.RewardPolicy        // nil: does not exist; not read for a deletion
	host     hosting.State                 // of the database in this process

	// The campaign's part of the newest report on its database. Without a report it is zero, and so
	// it is for a campaign that was declared after the report was read.
	counters database.CampaignStatus
	reported bool

	desired  desired           // set by resolveTerms
	problem  *specProblem      // why policy or budget of the spec are not declared; nil: they are
	declared database.Declared // set by declare
	failed   bool              // the last use of the database failed
	refused  bool              // the last use of the database found it busy
	success  success
}

func newCampaignScope(campaign *v1alpha1.ReferralCampaign) *campaignScope {
	return &campaignScope{
		campaign: campaign,
		success:  success{reason: v1alpha1.ReadyReason, message: "in force", requeueAfter: compareInterval},
	}
}

// databaseName is the name of the campaign's AttributionDatabase, whether it exists or not.
func (s *campaignScope) databaseName() types.NamespacedName {
	return types.NamespacedName{Namespace: s.campaign.Namespace, Name: s.campaign.Spec.DatabaseRef.Name}
}

// identity identifies the campaign in its database, which must exist.
func (s *campaignScope) identity() database.Campaign {
	return database.Campaign{OwnerUID: string(s.adb.UID), Name: s.campaign.Name, UID: string(s.campaign.UID)}
}

// read reads everything that the phases need.
func (r *ReferralCampaignReconciler) read(ctx context.Context, s *campaignScope) error {
	if err := r.readDatabase(ctx, s); err != nil {
		return err
	}
	name := s.databaseName()
	s.host = r.registry.State(name)
	report, reported := r.registry.Report(name)
	s.counters, s.reported = countersOf(report, s.campaign.Name), reported
	if !s.campaign.DeletionTimestamp.IsZero() {
		return nil
	}
	return r.readPolicy(ctx, s)
}

// readDatabase reads the AttributionDatabase. For a deletion the API server itself has to confirm
// that there is none, since the campaign's credits then stay.
func (r *ReferralCampaignReconciler) readDatabase(ctx context.Context, s *campaignScope) (err error) {
	s.adb, err = find(ctx, r.client, s.databaseName(), &v1alpha1.AttributionDatabase{})
	if err == nil && s.adb == nil && !s.campaign.DeletionTimestamp.IsZero() {
		s.adb, err = find(ctx, r.live, s.databaseName(), &v1alpha1.AttributionDatabase{})
	}
	return err
}

func (r *ReferralCampaignReconciler) readPolicy(ctx context.Context, s *campaignScope) (err error) {
	name := client.ObjectKey{Namespace: s.campaign.Namespace, Name: s.campaign.Spec.PolicyRef.Name}
	s.policy, err = find(ctx, r.client, name, &v1alpha1.RewardPolicy{})
	return err
}

// find reads an object and returns it; nil: it does not exist.
func find[T any, P interface {
	*T
	client.Object
}](ctx context.Context, reader client.Reader, name client.ObjectKey, into P) (P, error) {
	err := reader.Get(ctx, name, into)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		kind := strings.TrimPrefix(fmt.Sprintf("%T", into), "*v1alpha1.")
		return nil, fmt.Errorf("while getting %s %s: %w", kind, name, err)
	}
	return into, nil
}

// countersOf returns a campaign's part of a report; zero: the report has none.
func countersOf(report database.Status, campaign string) database.CampaignStatus {
	at := slices.IndexFunc(report.Campaigns, func(c database.CampaignStatus) bool { return c.Name == campaign })
	if at < 0 {
		return database.CampaignStatus{}
	}
	return report.Campaigns[at]
}
