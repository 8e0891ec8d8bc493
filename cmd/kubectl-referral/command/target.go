package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// target is an object that a command changes.
type target struct {
	kind kind
	name string
}

func (t target) String() string { return strings.ToLower(t.kind.name) + "/" + t.name }

// targetKinds are the words before the slash. A name without one is a campaign's.
var targetKinds = map[string]kind{
	"campaign": campaigns, "referralcampaign": campaigns, "referralcampaigns": campaigns, "rcamp": campaigns,
	"database": databases, "attributiondatabase": databases, "attributiondatabases": databases, "adb": databases,
}

func parseTarget(text string) (target, error) {
	word, name, found := strings.Cut(text, "/")
	if !found {
		return target{campaigns, text}, nil
	}
	word, _, _ = strings.Cut(strings.ToLower(word), ".") // as kubectl prints it, with the group
	k, known := targetKinds[word]
	if !known || name == "" || strings.Contains(name, "/") {
		return target{}, fmt.Errorf("%q names neither a campaign nor a database: write campaign/NAME or database/NAME", text)
	}
	return target{k, name}, nil
}

// change is a command that changes fields of objects.
type change struct {
	*session
	format *format
	dryRun string
}

// addChange adds the flags of all commands that change an object.
func (s *session) addChange(cmd *cobra.Command) *change {
	c := &change{session: s, format: addFormat(cmd)}
	c.format.allowed = []string{"json", "yaml"}
	cmd.Flags().StringVar(&c.dryRun, "dry-run", "none", "none, or server: the API server checks the change and does not store it")
	cmd.Flags().Lookup("output").Usage = "Output format: json, yaml; a sentence without it"
	return c
}

func (c *change) check() error {
	if c.dryRun != "none" && c.dryRun != "server" {
		return fmt.Errorf("unknown --dry-run %q: none or server", c.dryRun)
	}
	return c.format.check()
}

func (c *change) dry() bool { return c.dryRun == "server" }

// each carries a change out on the objects that the arguments name, all of them even if one fails.
func (c *change) each(cmd *cobra.Command, args []string, apply func(context.Context, *cluster, target) error) error {
	if err := c.check(); err != nil {
		return err
	}
	targets := make([]target, 0, len(args))
	for _, arg := range args {
		t, err := parseTarget(arg)
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	server, err := c.connect(cmd)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range targets {
		errs = append(errs, apply(cmd.Context(), server, t))
	}
	return errors.Join(errs...)
}

// patch merges a patch into an object, unless it has all the values already, and prints what was
// done.
func (c *change) patch(
	ctx context.Context, server *cluster, t target, object *unstructured.Unstructured, patch map[string]any, done, already string,
) error {
	if len(patch) > 0 {
		var err error
		if object, err = server.patch(ctx, t.kind, t.name, patch, c.dry()); err != nil {
			return err
		}
	} else {
		done = already
	}
	if printed, err := c.format.print(c.session, object); printed || err != nil {
		return err
	}
	if c.dry() {
		done += " (server dry run)"
	}
	fmt.Fprintf(c.out, "%s %s\n", t, done)
	return nil
}

// annotation is a patch of one annotation; nil removes it.
func annotation(name string, value any) map[string]any {
	return map[string]any{"metadata": map[string]any{"annotations": map[string]any{name: value}}}
}

// completeTargets completes campaigns and databases.
func (s *session) completeTargets(cmd *cobra.Command, _ []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if strings.HasPrefix(toComplete, "database/") {
		return s.names(cmd, databases, "database/"), cobra.ShellCompDirectiveNoFileComp
	}
	if strings.HasPrefix(toComplete, "campaign/") {
		return s.names(cmd, campaigns, "campaign/"), cobra.ShellCompDirectiveNoFileComp
	}
	return append(s.names(cmd, campaigns, ""), "campaign/", "database/"), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// declarer is the manager that declares spec.suspend of an object again and again, such as the one
// that applies it from git; empty: there is none. A person with kubectl and this command are none.
func declarer(object *unstructured.Unstructured) string {
	for _, entry := range object.GetManagedFields() {
		if entry.FieldsV1 == nil || !strings.Contains(entry.FieldsV1.GetRawString(), `"f:suspend":{}`) {
			continue
		}
		person := entry.Manager == fieldManager ||
			entry.Operation == metav1.ManagedFieldsOperationUpdate && strings.HasPrefix(entry.Manager, "kubectl") &&
				entry.Manager != "kubectl-client-side-apply"
		if !person {
			return entry.Manager
		}
	}
	return ""
}
