package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// reconcile requests a reconcile of campaigns and databases.
type reconcile struct {
	*change
	wait    bool
	timeout time.Duration
}

func (s *session) reconcileCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reconcile (CAMPAIGN | campaign/NAME | database/NAME)...",
		Short: "Compare campaigns with their facts now",
		Long: `Compare campaigns with their facts now, instead of when their resyncInterval is over. Differences are
repaired by appending to the ledger. For a database the command requests one reconcile.

The command sets the annotation reconcile.referral-operator.io/requestedAt.`,
		Example: `  kubectl referral reconcile invite-friends -n growth
  kubectl referral reconcile invite-friends -n growth --wait`,
		Args:              takes(1, -1),
		ValidArgsFunction: s.completeTargets,
	}
	o := &reconcile{change: s.addChange(cmd)}
	cmd.Flags().BoolVar(&o.wait, "wait", false, "Wait until the resync of a campaign has ended")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 10*time.Minute, "How long --wait waits")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.each(cmd, args, o.reconcile) }
	return withRights(cmd)
}

func (o *reconcile) reconcile(ctx context.Context, server *cluster, t target) error {
	requested := time.Now().UTC().Format(time.RFC3339Nano)
	err := o.patch(ctx, server, t, nil, annotation(v1alpha1.RequestedAtAnnotation, requested), "is going to be reconciled", "")
	if err != nil || !o.wait || o.dry() || t.kind != campaigns {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("%s was not compared within %s", t, o.timeout))
	defer cancel()
	progress := o.newProgress()
	defer progress.clear()
	_, err = server.await(ctx, t.kind, t.name, func(object *unstructured.Unstructured) (bool, error) {
		campaign, err := decode[v1alpha1.ReferralCampaign](object)
		if err != nil {
			return false, err
		}
		waiting := fmt.Sprintf("waiting until %s has been compared with its facts", t)
		if campaign.Suspended() {
			waiting += ", which is not done while it is suspended"
		}
		progress.show(waiting)
		return answers(campaign.Status.LastHandledReconcileAt, requested, object.GetAnnotations()[v1alpha1.RequestedAtAnnotation]), nil
	})
	return err
}

// answers reports whether the request that was handled last answers the one of this command.
// Another request may have taken its place; what is done for a later one is done for this one too.
func answers(handled, requested, present string) bool {
	if handled == requested || present == requested {
		return handled == requested
	}
	began, err := time.Parse(time.RFC3339Nano, handled)
	own, ownErr := time.Parse(time.RFC3339Nano, requested)
	return err == nil && ownErr == nil && !began.Before(own)
}
