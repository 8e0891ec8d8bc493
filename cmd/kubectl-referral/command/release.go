package command

import (
	"context"
	"fmt"
	"regexp"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func (s *session) releaseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "release CAMPAIGN",
		Short: "Permit reversals that are withheld because many rows are missing",
		Long: `Permit reversals that are withheld because many rows are missing.

If the signups or purchases of many pairs with credit are missing at once, they were probably lost,
and the operator does not reverse these pairs. Restore the rows if you can. If the pairs are to be
reversed, this command permits it, for the incident that the campaign's Stalled condition names and
for no later one.

The command sets the annotation referral-operator.io/allow-reversals.`,
		Example: `  kubectl referral release invite-friends -n growth --dry-run=server
  kubectl referral release invite-friends -n growth`,
		Args:              takes(1, 1),
		ValidArgsFunction: s.completeNames(campaigns, 1),
	}
	o := s.addChange(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := o.check(); err != nil {
			return err
		}
		server, err := o.connect(cmd)
		if err != nil {
			return err
		}
		return o.release(cmd.Context(), server, target{campaigns, args[0]})
	}
	return withRights(cmd)
}

// permission is the annotation with the id of an incident, as the message of a condition names it.
var permission = regexp.MustCompile(regexp.QuoteMeta(v1alpha1.AllowReversalsAnnotation) + `[=:]\s*"?([A-Za-z0-9._-]+)`)

func (c *change) release(ctx context.Context, server *cluster, t target) error {
	object, err := server.get(ctx, t.kind, t.name)
	if err != nil {
		return err
	}
	campaign, err := decode[v1alpha1.ReferralCampaign](object)
	if err != nil {
		return err
	}
	stalled := meta.FindStatusCondition(campaign.Status.Conditions, v1alpha1.StalledCondition)
	if stalled == nil || stalled.Reason != v1alpha1.MassReversalReason {
		if ready := meta.FindStatusCondition(campaign.Status.Conditions, v1alpha1.ReadyCondition); ready != nil && ready.Reason == v1alpha1.DatabaseNotReadyReason {
			return fmt.Errorf("it is not known whether %s has reversals that are withheld: %s", t, ready.Message)
		}
		return c.patch(ctx, server, t, object, nil, "", "has no reversals that are withheld")
	}
	named := permission.FindStringSubmatch(stalled.Message)
	if named == nil {
		return fmt.Errorf("the message of %s names no incident; is the operator newer than kubectl-referral %s? %s", t, version(), stalled.Message)
	}
	if campaign.Annotations[v1alpha1.AllowReversalsAnnotation] == named[1] {
		return c.patch(ctx, server, t, object, nil, "", "has been released already, and the operator has yet to act (incident "+named[1]+")")
	}
	fmt.Fprintln(c.problems, stalled.Message)
	return c.patch(ctx, server, t, object, annotation(v1alpha1.AllowReversalsAnnotation, named[1]), "released: its pairs are going to be reversed (incident "+named[1]+")", "")
}
