package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/cmd/kubectl-referral/view"
)

// explain asks why a user, a purchase or a referrer earns what it earns.
type explain struct {
	*session
	format   *format
	database string
	referrer string
	after    string
	timeout  time.Duration
}

func (s *session) explainCommand() *cobra.Command {
	o := &explain{session: s}
	cmd := &cobra.Command{
		Use:   "explain (USER [PURCHASE] | --referrer USER)",
		Short: "Say why a purchase earns a reward, or does not",
		Long: `Say why a purchase earns a reward, or does not, and what would have to happen for one.

USER and PURCHASE are the ids that the application uses, of the person who was invited and of what
that person bought. With --referrer the command shows how far the friends of a person have come.

The command creates a RewardReview, waits for the answer, shows it and deletes it. Without --database
it asks the only AttributionDatabase of the namespace.`,
		Example: `  kubectl referral explain bob -n growth
  kubectl referral explain bob order-1 --database shop -n growth
  kubectl referral explain --referrer alice -n growth`,
		Args: o.checkArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	o.format = addFormat(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&o.database, "database", "d", "", "AttributionDatabase to ask")
	flags.StringVar(&o.referrer, "referrer", "", "Show the friends of this user")
	flags.StringVar(&o.after, "after", "", "With --referrer: show older friends, from where an earlier answer ended")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "How long to wait for the answer")
	_ = cmd.RegisterFlagCompletionFunc("database", s.completeNames(databases, 0))
	return withRights(cmd)
}

func (o *explain) checkArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 2:
		return fmt.Errorf("at most a user and a purchase can be named; see %s --help", cmd.CommandPath())
	case (len(args) == 0) == (o.referrer == ""):
		return fmt.Errorf("name either a user, or a referrer with --referrer; see %s --help", cmd.CommandPath())
	case o.after != "" && o.referrer == "":
		return errors.New("--after needs --referrer")
	}
	if slices.Contains(args, "") {
		return errors.New("USER and PURCHASE must not be empty")
	}
	return nil
}

func (o *explain) run(cmd *cobra.Command, args []string) error {
	if err := o.format.check(); err != nil {
		return err
	}
	c, err := o.connect(cmd)
	if err != nil {
		return err
	}
	if o.database == "" {
		if o.database, err = c.onlyDatabase(cmd.Context(), "--database"); err != nil {
			return err
		}
	}
	object, err := o.ask(cmd.Context(), c, args)
	if err != nil {
		return err
	}
	if printed, err := o.format.print(o.session, object); printed || err != nil {
		return err
	}
	review, err := decode[v1alpha1.RewardReview](object)
	if err != nil {
		return err
	}
	fmt.Fprint(o.out, view.Review(o.format.options(o.session), review))
	return nil
}

// onlyDatabase is the name of the namespace's only database. how says how to name one.
func (c *cluster) onlyDatabase(ctx context.Context, how string) (string, error) {
	list, err := c.list(ctx, databases)
	switch {
	case apierrors.IsForbidden(err):
		return "", fmt.Errorf("you may not list the databases of namespace %s: name one with %s", c.namespace, how)
	case err != nil:
		return "", err
	case len(list.Items) == 0:
		return "", fmt.Errorf("there is no AttributionDatabase in namespace %s", c.namespace)
	case len(list.Items) == 1:
		return list.Items[0].GetName(), nil
	}
	names := make([]string, 0, len(list.Items))
	for i := range list.Items {
		names = append(names, list.Items[i].GetName())
	}
	return "", fmt.Errorf("namespace %s has the databases %s: name one with %s", c.namespace, strings.Join(names, ", "), how)
}

const (
	// reviewMargin is how much longer than this command waits a review stays if the command cannot
	// delete it.
	reviewMargin = 30 * time.Second

	// longestTTL is the most that a review's ttl may be.
	longestTTL = time.Hour
)

// ttl is how long a review stays.
func (o *explain) ttl() string {
	return (min(o.timeout, longestTTL-reviewMargin) + reviewMargin).Truncate(time.Second).String()
}

// ask creates a review, waits for the answer, and deletes the review.
func (o *explain) ask(ctx context.Context, c *cluster, args []string) (answered *unstructured.Unstructured, err error) {
	spec := map[string]any{"databaseRef": map[string]any{"name": o.database}, "ttl": o.ttl()}
	for field, value := range map[string]string{"referrerID": o.referrer, "after": o.after} {
		if value != "" {
			spec[field] = value
		}
	}
	for i, field := range []string{"userID", "purchaseID"} {
		if i < len(args) {
			spec[field] = args[i]
		}
	}
	created, err := c.create(ctx, reviews, "explain-", spec)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.remove(ctx, reviews, created)) }()
	last := ""
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	progress := o.newProgress()
	defer progress.clear()
	answered, err = c.await(ctx, reviews, created.GetName(), func(object *unstructured.Unstructured) (bool, error) {
		review, err := decode[v1alpha1.RewardReview](object)
		if err != nil {
			return false, err
		}
		last = view.Unanswered(review)
		progress.show("waiting for the answer: " + last)
		if stalled := meta.FindStatusCondition(review.Status.Conditions, v1alpha1.StalledCondition); stalled != nil {
			return false, fmt.Errorf("%s: %s", stalled.Reason, stalled.Message)
		}
		return meta.IsStatusConditionTrue(review.Status.Conditions, v1alpha1.ReadyCondition), nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("there was no answer within %s: %s", o.timeout, last)
	}
	return answered, err
}
