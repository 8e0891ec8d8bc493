package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/cmd/kubectl-referral/view"
)

// verify has the ledger of a database verified.
type verify struct {
	*session
	format  *format
	dryRun  string
	timeout time.Duration
}

func (s *session) verifyCommand() *cobra.Command {
	o := &verify{session: s}
	cmd := &cobra.Command{
		Use:   "verify [DATABASE]",
		Short: "Have the ledger verified now",
		Long: `Have the ledger verified now: credits, entries, balances and counters are compared with each other.

The command sets the annotation referral-operator.io/verifyRequestedAt of the AttributionDatabase and
waits for the result. The exit code is 0 if everything agrees, 1 if something does not, and 2 if
there was an error. Without a name it takes the only database of the namespace.`,
		Example: `  kubectl referral verify -n growth
  kubectl referral verify shop -n growth --timeout 30m`,
		Args:              takes(0, 1),
		ValidArgsFunction: s.completeNames(databases, 1),
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	o.format = addFormat(cmd)
	cmd.Flags().StringVar(&o.dryRun, "dry-run", "none", "none, or server: the API server checks the request and does not store it")
	cmd.Flags().DurationVar(&o.timeout, "timeout", time.Hour, "How long to wait for the result")
	return withRights(cmd)
}

func (o *verify) run(cmd *cobra.Command, args []string) error {
	change := &change{session: o.session, format: o.format, dryRun: o.dryRun}
	if err := change.check(); err != nil {
		return err
	}
	c, err := o.connect(cmd)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		only, err := c.onlyDatabase(cmd.Context(), "the argument DATABASE")
		if err != nil {
			return err
		}
		args = []string{only}
	}
	name := args[0]
	requested := time.Now().UTC().Format(time.RFC3339Nano)
	patch := annotation(v1alpha1.VerifyRequestedAtAnnotation, requested)
	if change.dry() {
		return change.patch(cmd.Context(), c, target{databases, name}, nil, patch, "is going to be verified", "")
	}
	if _, err := c.patch(cmd.Context(), databases, name, patch, false); err != nil {
		return err
	}
	object, err := o.await(cmd.Context(), c, name, requested)
	if err != nil {
		return err
	}
	return o.show(object)
}

// await waits until the request has been answered.
func (o *verify) await(ctx context.Context, c *cluster, name, requested string) (*unstructured.Unstructured, error) {
	last := ""
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	progress := o.newProgress()
	defer progress.clear()
	object, err := c.await(ctx, databases, name, func(object *unstructured.Unstructured) (bool, error) {
		database, err := decode[v1alpha1.AttributionDatabase](object)
		if err != nil {
			return false, err
		}
		last = verifyProgress(database)
		progress.show(last)
		v := database.Status.Verification
		return v != nil && answers(v.LastHandledVerifyAt, requested, object.GetAnnotations()[v1alpha1.VerifyRequestedAtAnnotation]), nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("there was no result within %s: %s", o.timeout, last)
	}
	return object, err
}

func verifyProgress(d *v1alpha1.AttributionDatabase) string {
	ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ReadyCondition)
	switch v := d.Status.Verification; {
	case v != nil && v.Progress != nil:
		return view.VerificationProgress(v.Progress)
	case ready == nil:
		return "the operator has not reported on the database"
	case !meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ReadyCondition), d.Suspended():
		return ready.Reason + ": " + ready.Message
	default:
		return "the verification has not begun"
	}
}

func (o *verify) show(object *unstructured.Unstructured) error {
	database, err := decode[v1alpha1.AttributionDatabase](object)
	if err != nil {
		return err
	}
	consistent := meta.FindStatusCondition(database.Status.Conditions, v1alpha1.LedgerConsistentCondition)
	if consistent != nil && consistent.Reason == v1alpha1.VerificationFailedReason {
		return fmt.Errorf("%s: %s", consistent.Reason, consistent.Message)
	}
	printed, err := o.format.print(o.session, object)
	if err != nil {
		return err
	}
	if !printed {
		fmt.Fprint(o.out, view.Verification(o.format.options(o.session), database))
	}
	if database.Status.Verification.Violations > 0 {
		return errDifferences
	}
	return nil
}
