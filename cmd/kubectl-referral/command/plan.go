package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/cmd/kubectl-referral/view"
)

// plan asks what edits would pay.
type plan struct {
	*session
	format  *format
	files   resource.FilenameOptions
	deletes string
	largest bool
	timeout time.Duration
}

func (s *session) planCommand() *cobra.Command {
	o := &plan{session: s}
	cmd := &cobra.Command{
		Use:   "plan -f FILE...",
		Short: "Show what an edit would pay before it is made",
		Long: `Show what an edit would pay before it is made.

The files contain RewardPolicies and ReferralCampaigns as they are to be applied; other kinds are
left out. For each campaign in the files, and each campaign of the cluster that follows a policy in
them, the command creates a RewardPlan, waits until it has finished, shows it, and deletes it. No
credit changes.

The exit code is 0 if nothing would change, 1 if something would, and 2 if there was an error.`,
		Example: `  kubectl referral plan -f five-dollars.yaml -n growth
  kubectl referral plan -k overlays/production -o markdown
  kubectl referral plan --delete invite-friends -n growth`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.format = addFormat(cmd, "markdown")
	flags := cmd.Flags()
	flags.StringSliceVarP(&o.files.Filenames, "filename", "f", nil, "Files, directories or URLs with the manifests; - for the standard input")
	flags.StringVarP(&o.files.Kustomize, "kustomize", "k", "", "Directory with a kustomization")
	flags.BoolVarP(&o.files.Recursive, "recursive", "R", false, "Also read the directories below those of -f")
	flags.StringVar(&o.deletes, "delete", "", "Plan the deletion of this campaign with deletionPolicy Reverse")
	flags.BoolVar(&o.largest, "largest", false, "Also name the ten people whose credit changes most")
	flags.DurationVar(&o.timeout, "timeout", time.Hour, "How long to wait for one plan")
	_ = cmd.MarkFlagFilename("filename", "yaml", "yml", "json")
	_ = cmd.RegisterFlagCompletionFunc("delete", s.completeNames(campaigns, 0))
	return withRights(cmd)
}

func (o *plan) run(cmd *cobra.Command) error {
	if err := o.format.check(); err != nil {
		return err
	}
	named := len(o.files.Filenames) > 0 || o.files.Kustomize != ""
	if named == (o.deletes != "") {
		return errNoFiles
	}
	c, err := o.connect(cmd)
	if err != nil {
		return err
	}
	asked, err := o.questions(cmd.Context(), c)
	if err != nil {
		return err
	}
	var steps []*view.Step
	var objects []*unstructured.Unstructured
	var errs []error
	for _, q := range asked {
		step, object, err := o.ask(cmd.Context(), c.in(q.campaign.Namespace), q)
		if err != nil {
			errs = append(errs, fmt.Errorf("campaign %s: %w", q.campaign, err))
			continue
		}
		steps, objects = append(steps, step), append(objects, object)
	}
	if err := o.show(steps, objects); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, step := range steps {
		if step.Changes() {
			return errDifferences
		}
	}
	return nil
}

// questions are the plans to ask for.
func (o *plan) questions(ctx context.Context, c *cluster) ([]question, error) {
	if o.deletes != "" {
		live, err := c.get(ctx, campaigns, o.deletes)
		name := types.NamespacedName{Namespace: c.namespace, Name: o.deletes}
		return []question{{campaign: name, live: live, deletes: true}}, err
	}
	files, err := o.read(c)
	if err != nil {
		return nil, err
	}
	if len(files.campaigns)+len(files.policies) == 0 {
		return nil, errors.New("the files contain neither a RewardPolicy nor a ReferralCampaign")
	}
	asked, unused, err := files.questions(ctx, c)
	for _, name := range unused {
		fmt.Fprintf(o.problems, "No campaign follows RewardPolicy %s: nothing to plan for it.\n", name)
	}
	return asked, err
}

func (o *plan) show(steps []*view.Step, objects []*unstructured.Unstructured) error {
	if printed, err := o.format.print(o.session, listOf(objects...)); printed || err != nil {
		return err
	}
	if o.format.value == "markdown" {
		fmt.Fprint(o.out, view.Markdown(steps))
		return nil
	}
	for i, step := range steps {
		if i > 0 {
			fmt.Fprintln(o.out)
		}
		fmt.Fprint(o.out, view.Plan(o.format.options(o.session), step))
	}
	return nil
}

// planTTL is how long a finished plan stays if this command cannot delete it.
const planTTL = "10m"

// ask creates a plan, waits until it has finished, and deletes it.
func (o *plan) ask(ctx context.Context, c *cluster, q question) (step *view.Step, finished *unstructured.Unstructured, err error) {
	created, err := c.create(ctx, plans, "plan-", o.spec(q))
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, c.remove(ctx, plans, created)) }()
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("the plan has not finished within %s", o.timeout))
	defer cancel()
	progress := o.newProgress()
	defer progress.clear()
	answer := &v1alpha1.RewardPlan{}
	finished, err = c.await(ctx, plans, created.GetName(), func(object *unstructured.Unstructured) (bool, error) {
		if answer, err = decode[v1alpha1.RewardPlan](object); err != nil {
			return false, err
		}
		progress.show(planProgress(q.campaign.Name, answer))
		stalled := meta.FindStatusCondition(answer.Status.Conditions, v1alpha1.StalledCondition)
		if stalled != nil {
			return false, fmt.Errorf("%s: %s", stalled.Reason, stalled.Message)
		}
		return meta.IsStatusConditionTrue(answer.Status.Conditions, v1alpha1.ReadyCondition), nil
	})
	if err != nil {
		return nil, nil, err
	}
	edits, err := o.edits(ctx, c, q, created)
	return &view.Step{Plan: answer, Edits: edits, New: q.live == nil, Approval: asksForApproval(q)}, finished, err
}

func (o *plan) spec(q question) map[string]any {
	spec := map[string]any{"campaignRef": map[string]any{"name": q.campaign.Name}, "ttl": planTTL}
	if o.largest {
		spec["detail"] = string(v1alpha1.LargestDetail)
	}
	proposed := map[string]any{}
	if q.deletes {
		proposed["delete"] = true
	}
	if q.edited != nil {
		proposed["campaign"] = specOf(q.edited)
	}
	if q.policy != nil {
		proposed["policy"] = specOf(q.policy)
	}
	spec["proposed"] = proposed
	return spec
}

// specOf is an object's spec; empty: it is nil.
func specOf(object *unstructured.Unstructured) map[string]any {
	if object == nil {
		return map[string]any{}
	}
	spec, _, _ := unstructured.NestedMap(object.Object, "spec")
	if spec == nil {
		spec = map[string]any{}
	}
	return spec
}

func planProgress(campaign string, p *v1alpha1.RewardPlan) string {
	ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ReadyCondition)
	switch {
	case ready == nil:
		return fmt.Sprintf("planning %s: no operator has noticed the plan yet", campaign)
	case p.Status.Progress == nil || p.Status.Progress.Total == 0:
		return fmt.Sprintf("planning %s: %s: %s", campaign, ready.Reason, ready.Message)
	default:
		return fmt.Sprintf("planning %s: %d of about %d referees decided", campaign, p.Status.Progress.Decided, p.Status.Progress.Total)
	}
}

// edits are the fields that the files change. The plan has the proposed specs with their defaults,
// as the API server would store them.
func (o *plan) edits(ctx context.Context, c *cluster, q question, created *unstructured.Unstructured) ([]view.Edit, error) {
	var edits []view.Edit
	if q.edited != nil {
		proposed, _, _ := unstructured.NestedMap(created.Object, "spec", "proposed", "campaign")
		edits = append(edits, view.Edit{Object: "campaign", Changes: view.Compare(specOf(q.live), proposed)})
	}
	if q.policy != nil {
		live, err := c.get(ctx, policies, q.policy.GetName())
		if err := ignoreAbsence(err); err != nil {
			return nil, err
		}
		proposed, _, _ := unstructured.NestedMap(created.Object, "spec", "proposed", "policy")
		edits = append(edits, view.Edit{Object: "policy", Changes: view.Compare(specOf(live), proposed)})
	}
	return edits, nil
}

// asksForApproval reports whether edits of the campaign wait for an approval, now or as proposed.
// No operator that is released has the field yet.
func asksForApproval(q question) bool {
	for _, campaign := range []*unstructured.Unstructured{q.live, q.edited} {
		if rollout, ok := specOf(campaign)["rollout"].(map[string]any); ok && len(rollout) > 0 {
			return true
		}
	}
	return false
}
