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
		{campaigns.resource, []string{"list"}, "for a RewardPolicy"},
		{campaigns.resource, []string{"get"}, "for a ReferralCampaign, and with --delete"},
		{policies.resource, []string{"get"}, "for a RewardPolicy"},
	},
	"explain": {
		{reviews.resource, []string{"create", "get", "delete"}, ""},
		{databases.resource, []string{"list"}, "only without --database; the role view has this right"},
	},
	"status": {
		{campaigns.resource, []string{"list"}, "without a name"},
		{databases.resource, []string{"list"}, "without a name"},
		{campaigns.resource, []string{"get"}, "with a name, or with --wait"},
		{databases.resource, []string{"get"}, "with a name"},
	},
	"verify": {
		{databases.resource, []string{"get", "patch"}, ""},
		{databases.resource, []string{"list"}, "without a name"},
	},
	"suspend": suspensionRights,
	"resume":  suspensionRights,
	"reconcile": {
		{campaigns.resource, []string{"patch"}, "for a campaign"},
		{campaigns.resource, []string{"get"}, "with --wait"},
		{databases.resource, []string{"patch"}, "for a database"},
	},
	"release": {{campaigns.resource, []string{"get", "patch"}, ""}},
}

var suspensionRights = []Right{
	{campaigns.resource, []string{"get", "patch"}, "for a campaign"},
	{databases.resource, []string{"get", "patch"}, "for a database"},
}

// Rights are those that a command takes.
func Rights(cmd *cobra.Command) []Right { return rights[cmd.Name()] }

// roles are those that have the rights of a command, by its name; the others need edit.
var roles = map[string]string{"plan": "referral-operator-planner", "explain": "referral-operator-support", "status": "view"}

// Role is the ClusterRole that has the rights of a command; of explain, all but the one that the
// role view has.
func Role(cmd *cobra.Command) string { return cmp.Or(roles[cmd.Name()], "edit") }

// RoleSentence says which role has the rights of a command. For explain the role lacks one of them,
// which view has. quote is written before and after the role's name.
func RoleSentence(cmd *cobra.Command, quote string) string {
	which := "these rights"
	if cmd.Name() == "explain" {
		which = "the other rights"
	}
	return fmt.Sprintf("The role %s%s%s has %s.", quote, Role(cmd), quote, which)
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
	text.WriteString(RoleSentence(cmd, ""))
	cmd.Long = text.String()
	return cmd
}
