package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

// completionTimeout keeps the shell from hanging on an API server that does not answer.
const completionTimeout = 3 * time.Second

// completeNames completes up to most names of a kind.
func (s *session) completeNames(k kind, most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return s.names(cmd, k, ""), cobra.ShellCompDirectiveNoFileComp
	}
}

// names are those of the objects of a kind in the namespace, each behind a prefix; none if they
// cannot be listed.
func (s *session) names(cmd *cobra.Command, k kind, prefix string) []cobra.Completion {
	c, err := s.connect(cmd)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), completionTimeout)
	defer cancel()
	list, err := c.list(ctx, k)
	if err != nil {
		return nil
	}
	var names []cobra.Completion
	for i := range list.Items {
		names = append(names, prefix+list.Items[i].GetName())
	}
	return names
}
