package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// awaitCampaignsGone waits until no campaign refers to the database. Until then the database is
// kept converged as before.
//
// Conditions: InUse, and those of a database that is not being deleted.
func (r *AttributionDatabaseReconciler) awaitCampaignsGone(ctx context.Context, s *databaseScope) error {
	campaigns, err := campaignsBy(ctx, r.client, s.name.Namespace, campaignByDatabase, s.name.Name)
	if err != nil || len(campaigns) == 0 {
		return err
	}
	converge := []phase[*databaseScope]{r.awaitSettings, r.convergeSchema, r.observeHost, r.awaitEngine}
	if err := runPhases(ctx, s, converge); err != nil {
		return err
	}
	names := make([]string, 0, len(campaigns))
	for i := range campaigns {
		names = append(names, campaigns[i].Name)
	}
	them := "them"
	if len(names) == 1 {
		them = "it"
	}
	return &waitingError{reason: v1alpha1.InUseReason, requeueAfter: r.statusInterval, err: fmt.Errorf(
		"%s to this database: %s; delete %s first", plural(int64(len(names)), "ReferralCampaign refers", "ReferralCampaigns refer"), firstFew(names), them)}
}

// giveUpOwnership closes the campaigns that were left behind and gives up the ownership of the
// schema, if this object has it. It drops nothing.
//
// A database that cannot be used need not give up anything if it counts as gone (see databaseGone),
// or if this object never owned its schema. Every other one would keep the next owner waiting, so
// the object stays and reports what it waits for.
//
// Conditions: Terminating.
func (r *AttributionDatabaseReconciler) giveUpOwnership(ctx context.Context, s *databaseScope) error {
	s.unused = true
	if s.host.Source != sourceOf(s.adb) {
		return &waitingError{
			reason: v1alpha1.TerminatingReason, requeueAfter: recheckInterval,
			err: errors.New("the ownership of the schema is being given up"),
		}
	}
	err := r.prepare(ctx, s, r.observeSchema, r.releaseSchema)
	if err == nil || databaseGone(s.host, r.now()) || neverOwned(s.adb) {
		return nil
	}
	if wait, ok := errors.AsType[*waitingError](err); ok {
		return wait
	}
	if errors.Is(err, hosting.ErrSlow) {
		return r.awaitSlot(s, v1alpha1.TerminatingReason, fmt.Errorf("the ownership of schema %s is given up later: %w", s.adb.Spec.Schema, err))
	}
	cause := postgres.Message(err)
	advice := fmt.Sprintf("to remove the object without giving up the ownership, delete Secret %s/%s", s.adb.Namespace, s.adb.Spec.SecretRef.Name)
	refused, ok := errors.AsType[*settingsError](s.host.Refusal)
	switch {
	case ok && refused.forbidden:
		advice = fmt.Sprintf("the namespace is being deleted, so the object is removed without giving up the ownership once the database has not "+
			"answered for a minute; to remove it at once: "+
			`kubectl -n %s patch attributiondatabase %s --type=merge -p '{"metadata":{"finalizers":null}}'`, s.adb.Namespace, s.adb.Name)
	case ok:
		cause = refused.err.Error()
		if refused.allow != "" {
			advice += " and allow the operator to find that the Secret is gone: " + refused.allow
		}
	}
	return &waitingError{
		reason: v1alpha1.TerminatingReason, requeueAfter: recheckInterval,
		err: fmt.Errorf("the ownership of schema %s cannot be given up: %s; %s", s.adb.Spec.Schema, cause, advice),
	}
}

// releaseSchema releases a schema that this object owns. In one of an older version campaigns
// without an object stay as they are: nothing is decided there until its next owner migrates it,
// and closes them.
func (r *AttributionDatabaseReconciler) releaseSchema(ctx context.Context, s *databaseScope) error {
	if !s.owned() {
		return nil
	}
	switch more, err := r.closeSomeAbsentCampaigns(ctx, s); {
	case err != nil:
		return err
	case more:
		// Ready stays as it is: while it is False, absenceGrace does not run.
		return &waitingError{requeueAfter: absentInterval, shown: never, err: errors.New("campaigns without an object are being closed")}
	}
	ctx, cancel := s.writing(ctx, writeTimeout)
	defer cancel()
	return database.Release(ctx, s.db, s.identity)
}

func (r *AttributionDatabaseReconciler) removeFinalizer(ctx context.Context, s *databaseScope) error {
	return setFinalizer(ctx, r.client, r.live, s.adb, false)
}

// databaseGone reports whether a database counts as gone. Either the Secret with its URI is known
// not to exist, or the namespace is being deleted, so that the operator will never get that Secret
// again, and the database has not answered for outagePatience. An unreachable database is not gone,
// and after a short outage it is used again over the connections that there were.
func databaseGone(state hosting.State, now time.Time) bool {
	refused, ok := errors.AsType[*settingsError](state.Refusal)
	if !ok {
		return false
	}
	lost := !state.AwaySince.IsZero() && now.Sub(state.AwaySince) >= outagePatience
	return refused.missing || refused.forbidden && lost
}

// neverOwned reports whether this object never wrote to its database.
func neverOwned(adb *v1alpha1.AttributionDatabase) bool {
	return adb.Status.Owner != client.ObjectKeyFromObject(adb).String()
}
