package command

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Right is what a command does with one kind.
type Right struct {
	Resource string
	Verbs    []string
	When     string // empty: always
}

// rights are those of each command, by its name. The help and the documentation list them, and a
// test runs each command with exactly these.
var rights = map[string][]Right{
	"plan": {
		{plans.resource, []string{"create", "get", "delete"}, ""},
		{campaigns.resource, []string{"get", "list"}, ""},
		{policies.resource, []string{"get"}, ""},
	},
	"explain": {
		{reviews.resource, []string{"create", "get", "delete"}, ""},
		{databases.resource, []string{"list"}, "without --database"},
	},
	"status": {
		{campaigns.resource, []string{"get", "list"}, ""},
		{databases.resource, []string{"get", "list"}, ""},
	},
	"verify": {
		{databases.resource, []string{"get", "patch"}, ""},
		{databases.resource, []string{"list"}, "without a name"},
	},
	"suspend":   suspensionRights,
	"resume":    suspensionRights,
	"reconcile": suspensionRights,
	"release":   {{campaigns.resource, []string{"get", "patch"}, ""}},
}

var suspensionRights = []Right{
	{campaigns.resource, []string{"get", "patch"}, "for a campaign"},
	{databases.resource, []string{"get", "patch"}, "for a database"},
}

// Rights are those that a command takes.
func Rights(cmd *cobra.Command) []Right { return rights[cmd.Name()] }

// Role is the role that has all rights of a command.
func Role(cmd *cobra.Command) string {
	return map[string]string{
		"plan": "referral-operator-planner", "explain": "referral-operator-support", "status": "view",
	}[cmd.Name()]
}

// withRights adds a command's rights to its long help.
func withRights(cmd *cobra.Command) *cobra.Command {
	var text strings.Builder
	text.WriteString(cmd.Long + "\n\nRights:\n")
	for _, right := range Rights(cmd) {
		fmt.Fprintf(&text, "  %-22s %s", right.Resource, strings.Join(right.Verbs, ", "))
		if right.When != "" {
			fmt.Fprintf(&text, " (%s)", right.When)
		}
		text.WriteByte('\n')
	}
	fmt.Fprintf(&text, "The role %s has them.", cmp.Or(Role(cmd), "edit"))
	cmd.Long = text.String()
	return cmd
}
