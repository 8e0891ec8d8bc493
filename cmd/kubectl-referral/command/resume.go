package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func (s *session) resumeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resume (CAMPAIGN | campaign/NAME | database/NAME)...",
		Short: "Let suspended campaigns or databases go on",
		Long: `Let suspended campaigns or databases go on. Facts that arrived meanwhile are decided, and waiting
pairs are admitted in their order.

The command removes spec.suspend and the annotation referral-operator.io/suspend. If another manager
declares spec.suspend: true, as git does, it says which line to change there, and exits with 2.`,
		Example: `  kubectl referral resume invite-friends -n growth
  kubectl referral resume database/shop -n growth`,
		Args:              takes(1, -1),
		ValidArgsFunction: s.completeTargets,
	}
	o := s.addChange(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.each(cmd, args, o.resume) }
	return withRights(cmd)
}

func (c *change) resume(ctx context.Context, server *cluster, t target) error {
	object, err := server.get(ctx, t.kind, t.name)
	if err != nil {
		return err
	}
	spec, _ := suspended(object)
	manager, patch := declarer(object), map[string]any{}
	if _, found := object.GetAnnotations()[v1alpha1.SuspendAnnotation]; found {
		patch = annotation(v1alpha1.SuspendAnnotation, nil)
	}
	if spec && manager != "" {
		if len(patch) > 0 {
			if _, err := server.patch(ctx, t.kind, t.name, patch, c.dry()); err != nil {
				return err
			}
		}
		return fmt.Errorf("%s is still suspended: %s declares spec.suspend: true; remove in git: spec: {suspend: true}", t, manager)
	}
	if spec {
		patch["spec"] = map[string]any{"suspend": nil}
	}
	return c.patch(ctx, server, t, object, patch, "resumed", "is not suspended")
}
