package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/cmd/kubectl-referral/view"
)

// status shows what campaigns and databases do.
type status struct {
	*session
	format  *format
	all     bool
	wait    bool
	timeout time.Duration
}

func (s *session) statusCommand() *cobra.Command {
	o := &status{session: s}
	cmd := &cobra.Command{
		Use:   "status [CAMPAIGN]",
		Short: "Show what campaigns and databases do, and what needs a person",
		Long: `Show what campaigns and databases do, and what needs a person.

With the name of a campaign: its signups and pairs up to the credit, its money by currency, what is
left of its budget, and how far its database is behind. Without a name: all campaigns and databases
of the namespace, one line each.

What was left behind is red: something suspended, reversals that are withheld, a permission that is
still set as an annotation (take-over, allow-reversals). With --wait the command waits until every
campaign that it shows has its newest edit in force, and exits with 1 if a campaign only goes on
with a person's help or --timeout is over.`,
		Example: `  kubectl referral status -n growth
  kubectl referral status invite-friends -n growth
  kubectl referral status invite-friends -n growth --wait --timeout 2m`,
		Args:              takes(0, 1),
		ValidArgsFunction: s.completeNames(campaigns, 1),
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	o.format = addFormat(cmd)
	cmd.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "Show all namespaces")
	cmd.Flags().BoolVar(&o.wait, "wait", false, "Wait until the newest edits are in force")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 5*time.Minute, "How long --wait waits")
	return withRights(cmd)
}

func (o *status) run(cmd *cobra.Command, args []string) error {
	if err := o.format.check(); err != nil {
		return err
	}
	if o.all && len(args) > 0 {
		return errors.New("a campaign has one namespace: leave out --all-namespaces")
	}
	c, err := o.connect(cmd)
	if err != nil {
		return err
	}
	if o.all {
		c.namespace = metav1.NamespaceAll
	}
	show := func() (bool, error) { return o.showAll(cmd.Context(), c) }
	wanted := []string{}
	if len(args) > 0 {
		wanted = args
		show = func() (bool, error) { return o.showOne(cmd.Context(), c, args[0]) }
	}
	if o.wait {
		if err := o.await(cmd.Context(), c, wanted); err != nil {
			return err
		}
	}
	settled, err := show()
	if err == nil && o.wait && !settled {
		return errDifferences
	}
	return err
}

// showOne shows one campaign, and reports whether its newest edit is in force.
func (o *status) showOne(ctx context.Context, c *cluster, name string) (bool, error) {
	object, err := c.get(ctx, campaigns, name)
	if err != nil {
		return false, err
	}
	campaign, err := decode[v1alpha1.ReferralCampaign](object)
	if err != nil {
		return false, err
	}
	if printed, err := o.format.print(o.session, object); printed || err != nil {
		return inForce(campaign), err
	}
	var database *v1alpha1.AttributionDatabase
	found, err := c.get(ctx, databases, campaign.Spec.DatabaseRef.Name)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err): // the page says so
	case err != nil:
		return false, err
	default:
		if database, err = decode[v1alpha1.AttributionDatabase](found); err != nil {
			return false, err
		}
	}
	fmt.Fprint(o.out, view.Campaign(o.format.options(o.session), campaign, database))
	return inForce(campaign), nil
}

// showAll shows all campaigns and databases, and reports whether all newest edits are in force.
func (o *status) showAll(ctx context.Context, c *cluster) (bool, error) {
	listed, err := c.list(ctx, campaigns)
	if err != nil {
		return false, err
	}
	beside, err := c.list(ctx, databases)
	if err != nil {
		return false, err
	}
	shown, err := decodeAll[v1alpha1.ReferralCampaign](listed)
	if err != nil {
		return false, err
	}
	hosts, err := decodeAll[v1alpha1.AttributionDatabase](beside)
	if err != nil {
		return false, err
	}
	settled := !slices.ContainsFunc(shown, func(campaign *v1alpha1.ReferralCampaign) bool { return !inForce(campaign) })
	var objects []*unstructured.Unstructured
	for _, items := range [][]unstructured.Unstructured{listed.Items, beside.Items} {
		for i := range items {
			objects = append(objects, &items[i])
		}
	}
	if printed, err := o.format.print(o.session, listOf(objects...)); printed || err != nil {
		return settled, err
	}
	if len(objects) == 0 {
		fmt.Fprintln(o.problems, "There are no campaigns and no databases"+inNamespace(c.namespace)+".")
		return settled, nil
	}
	fmt.Fprint(o.out, view.Overview(o.format.options(o.session), shown, hosts, !o.all))
	return settled, nil
}

func inNamespace(namespace string) string {
	if namespace == metav1.NamespaceAll {
		return ""
	}
	return " in namespace " + namespace
}

// await waits until no wanted campaign is on its way any more; no names: all. It ends without an
// error when the timeout is over.
func (o *status) await(ctx context.Context, c *cluster, wanted []string) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	progress := o.newProgress()
	defer progress.clear()
	list, err := o.wanted(ctx, c, wanted)
	for i := 0; err == nil && i < len(list); i++ {
		one := *c
		one.namespace = list[i].Namespace
		_, err = one.await(ctx, campaigns, list[i].Name, func(object *unstructured.Unstructured) (bool, error) {
			campaign, err := decode[v1alpha1.ReferralCampaign](object)
			if err != nil {
				return false, err
			}
			if ready := meta.FindStatusCondition(campaign.Status.Conditions, v1alpha1.ReadyCondition); ready != nil {
				progress.show(fmt.Sprintf("waiting for campaign %s: %s: %s", campaign.Name, ready.Reason, ready.Message))
			} else {
				progress.show(fmt.Sprintf("waiting for campaign %s: the operator has not reported on it", campaign.Name))
			}
			return inForce(campaign) || stalled(campaign), nil
		})
		if len(wanted) == 0 {
			err = ignoreAbsence(err) // a campaign that is deleted meanwhile is not shown
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

func (o *status) wanted(ctx context.Context, c *cluster, names []string) ([]*v1alpha1.ReferralCampaign, error) {
	if len(names) == 0 {
		list, err := c.list(ctx, campaigns)
		if err != nil {
			return nil, err
		}
		return decodeAll[v1alpha1.ReferralCampaign](list)
	}
	var list []*v1alpha1.ReferralCampaign
	for _, name := range names {
		list = append(list, &v1alpha1.ReferralCampaign{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: c.namespace}})
	}
	return list, nil
}

// inForce reports whether the newest spec of a campaign is in force.
func inForce(campaign *v1alpha1.ReferralCampaign) bool {
	return campaign.Status.ObservedGeneration == campaign.Generation &&
		meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.ReadyCondition) &&
		!meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.ReconcilingCondition)
}

// stalled reports whether the newest spec of a campaign never comes into force without a person.
func stalled(campaign *v1alpha1.ReferralCampaign) bool {
	return campaign.Status.ObservedGeneration == campaign.Generation &&
		meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.StalledCondition)
}
