package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func (s *session) suspendCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "suspend (CAMPAIGN | campaign/NAME | database/NAME)...",
		Short: "Stop campaigns or databases; no fact is lost",
		Long: `Stop campaigns or databases; no fact is lost.

While a campaign is suspended, nothing is granted or reversed for it; while a database is suspended,
for none of its campaigns. The application goes on recording facts, and no credit moves before "resume".

The command sets spec.suspend, unless another manager declares that field, and the annotation
referral-operator.io/suspend, which has the same effect and which applying from git does not remove.`,
		Example: `  kubectl referral suspend invite-friends -n growth
  kubectl referral suspend database/shop -n growth --dry-run=server`,
		Args:              takes(1, -1),
		ValidArgsFunction: s.completeTargets,
	}
	o := s.addChange(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.each(cmd, args, o.suspend) }
	return withRights(cmd)
}

// suspended reads what suspends an object: its spec.suspend, and the annotation.
func suspended(object *unstructured.Unstructured) (spec, annotated bool) {
	spec, _, _ = unstructured.NestedBool(object.Object, "spec", "suspend")
	return spec, v1alpha1.SuspendedByAnnotation(object)
}

func (c *change) suspend(ctx context.Context, server *cluster, t target) error {
	object, err := server.get(ctx, t.kind, t.name)
	if err != nil {
		return err
	}
	spec, annotated := suspended(object)
	manager, patch := declarer(object), map[string]any{}
	if !annotated {
		patch = annotation(v1alpha1.SuspendAnnotation, "true")
	}
	if !spec && manager == "" {
		patch["spec"] = map[string]any{"suspend": true}
	}
	if err := c.patch(ctx, server, t, object, patch, "suspended", "is suspended already"); err != nil {
		return err
	}
	if manager != "" && !spec {
		fmt.Fprintf(c.problems, "%s declares spec.suspend of %s, so only the annotation was set. To suspend it there too, change in git: spec: {suspend: true}\n",
			manager, t)
	}
	return nil
}
