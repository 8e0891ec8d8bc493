package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// reversalInterval is the requeue while pairs are still to be reversed.
const reversalInterval = time.Second

// remove brings the deletion of a campaign into force. The deletion counts from its
// deletionTimestamp on, even while other controllers keep a finalizer on the object:
//
//	Retain    the campaign is closed; our finalizer goes at once, if an earlier Reverse left one
//	Reverse   all its credits are reversed, suspended or not; our finalizer stays until that is done
//
// In a database that is gone there is nothing to reverse. An unreachable database is not gone: the
// campaign stays until the database answers, or until deletionPolicy becomes Retain.
//
// Conditions: Terminating.
func (r *ReferralCampaignReconciler) remove(ctx context.Context, s *campaignScope) error {
	reverse := s.campaign.Spec.DeletionPolicy == v1alpha1.ReverseCredits
	if !reverse {
		r.endReversal(ctx, s)
		if err := setFinalizer(ctx, r.client, r.live, s.campaign, false); err != nil || gone(s.campaign) {
			return err
		}
	}
	switch {
	case s.adb == nil:
		return r.abandon(ctx, s, fmt.Errorf("there is no AttributionDatabase %s", s.databaseName()))
	case neverOwned(s.adb) && s.campaign.Status.Policy == nil:
		return r.release(ctx, s, "the campaign was never declared")
	case s.host.Source == sourceOf(s.adb) && databaseGone(s.host, r.now()):
		return r.abandon(ctx, s, s.host.Refusal)
	}
	if err := r.requireObject(ctx, s); err != nil {
		return err
	}
	if reverse {
		if err := r.reverseCredits(ctx, s); err != nil {
			return err
		}
		return r.release(ctx, s, "the campaign is closed, and its credits have been reversed")
	}
	if err := r.close(ctx, s); err != nil {
		return err
	}
	return r.release(ctx, s, "the campaign is closed, and keeps its credits")
}

// endReversal closes a campaign before our finalizer is removed: afterwards no object says Retain any
// more, and a reversal that an earlier Reverse began would go on. It does not wait for a database
// that is not served: there the campaign is closed once it is found without an object.
func (r *ReferralCampaignReconciler) endReversal(ctx context.Context, s *campaignScope) {
	served := s.adb != nil && usable(s.adb) && s.host.Phase == hosting.Serving
	if !served || !controllerutil.ContainsFinalizer(s.campaign, v1alpha1.Finalizer) || r.requireObject(ctx, s) != nil {
		return
	}
	if err := r.close(ctx, s); err != nil {
		ctrl.LoggerFrom(ctx).Info("A campaign is released before it is closed", "reason", err.Error())
	}
}

// requireObject requires that the API server itself has this object. What a cache that lags behind
// shows may have been followed by another object of the name, whose campaign must not be closed or
// reversed.
//
// It is not asked if this object declared the campaign last, as far as is known: a later object
// would have recorded this one as deleted, and the database ignores deleted objects.
func (r *ReferralCampaignReconciler) requireObject(ctx context.Context, s *campaignScope) error {
	if s.counters.UID == string(s.campaign.UID) {
		return nil
	}
	live, err := find(ctx, r.live, client.ObjectKeyFromObject(s.campaign), &v1alpha1.ReferralCampaign{})
	if err == nil && (live == nil || live.UID != s.campaign.UID) {
		err = &waitingError{requeueAfter: staleInterval, shown: never, err: errors.New("the object has gone")}
	}
	return err
}

// release removes our finalizer. While other controllers keep theirs, the campaign reports what has
// been done, and names the first of them: the cache has no other, see Cached.
func (r *ReferralCampaignReconciler) release(ctx context.Context, s *campaignScope, done string) error {
	if err := setFinalizer(ctx, r.client, r.live, s.campaign, false); err != nil || gone(s.campaign) {
		return err
	}
	return &waitingError{reason: v1alpha1.TerminatingReason, requeueAfter: compareInterval, err: fmt.Errorf(
		"%s; the object stays until its other finalizers are removed, such as %s", done, s.campaign.Finalizers[0])}
}

// abandon releases a campaign whose database, with all its credits, is gone. It is logged as an
// error, since a namespace that is being deleted accepts no event.
func (r *ReferralCampaignReconciler) abandon(ctx context.Context, s *campaignScope, cause error) error {
	waited := controllerutil.ContainsFinalizer(s.campaign, v1alpha1.Finalizer)
	err := r.release(ctx, s, "the campaign's credits stay, since its database is gone: "+cause.Error())
	if waited && !controllerutil.ContainsFinalizer(s.campaign, v1alpha1.Finalizer) {
		const kept = "released without reversing its credits, since its database is gone"
		ctrl.LoggerFrom(ctx).Error(cause, "A campaign was "+kept)
		r.reporter.events.note(ctx, s.campaign, corev1.EventTypeWarning, "CreditsKept", fmt.Sprintf("%s: %s", kept, cause))
	}
	return err
}

// close closes a campaign whose object another controller's finalizer keeps.
func (r *ReferralCampaignReconciler) close(ctx context.Context, s *campaignScope) error {
	return r.use(ctx, s, func(ctx context.Context, db *postgres.DB) error {
		_, err := database.DeleteCampaign(ctx, db, s.identity())
		return err
	}, func(err error) *waitingError {
		return &waitingError{reason: v1alpha1.TerminatingReason, requeueAfter: recheckInterval, err: fmt.Errorf(
			"the campaign cannot be closed: %s%s", postgres.Message(err), hindrance(s.adb))}
	})
}

// reverseCredits waits until all credits of the campaign are reversed, and says which cannot be as
// far as this replica's engine has found out. It asks the database even
// when its conditions say that it is not usable: the answer, or the reason why there is none, comes
// at once.
func (r *ReferralCampaignReconciler) reverseCredits(ctx context.Context, s *campaignScope) error {
	var pairs int64
	err := r.use(ctx, s, func(ctx context.Context, db *postgres.DB) (err error) {
		pairs, err = database.ReverseCampaign(ctx, db, s.identity())
		return err
	}, func(err error) *waitingError {
		return terminating(s.campaign, recheckInterval,
			fmt.Sprintf("the campaign's credits cannot be reversed: %s%s", postgres.Message(err), hindrance(s.adb)))
	})
	if err == nil && pairs > 0 {
		left := plural(pairs, "pair is", "pairs are") + " still to be reversed" + hindrance(s.adb)
		if fault := s.host.ReversalFaults[s.identity().Name]; fault != nil {
			left += "; " + postgres.Message(fault)
		}
		next := reversalInterval
		if s.adb.Suspended() {
			next = recheckInterval // nothing is reversed meanwhile
		}
		return terminating(s.campaign, next, left)
	}
	return err
}

// hindrance is what about the database delays a deletion; empty: nothing.
func hindrance(adb *v1alpha1.AttributionDatabase) string {
	ready := readyCondition(adb)
	switch {
	case adb.Suspended():
		return "; " + suspendedDatabase(adb)
	case ready != nil && !usable(adb):
		return fmt.Sprintf("; AttributionDatabase %s is not ready: %s: %s", client.ObjectKeyFromObject(adb), ready.Reason, ready.Message)
	}
	return ""
}

// terminating reports what a deletion waits for, and how to delete the campaign without waiting.
func terminating(campaign *v1alpha1.ReferralCampaign, requeueAfter time.Duration, cause string) *waitingError {
	return &waitingError{reason: v1alpha1.TerminatingReason, requeueAfter: requeueAfter, err: fmt.Errorf(
		`%s; to keep the credits and remove the campaign now: kubectl -n %s patch referralcampaign %s --type=merge -p '{"spec":{"deletionPolicy":"Retain"}}'`,
		cause, campaign.Namespace, campaign.Name)}
}
