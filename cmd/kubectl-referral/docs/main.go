// Command docs writes a page of documentation for each command of kubectl-referral into a
// directory.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/referral-operator/referral-operator/cmd/kubectl-referral/command"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: docs DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write writes one page for each command, and an index with the table of rights.
func write(directory string) error {
	root := command.New(strings.NewReader(""), io.Discard, io.Discard)
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	index := strings.Builder{}
	index.WriteString("# kubectl referral\n\n" + escape(root.Long) + "\n\n| command | what it does | rights | role |\n|---|---|---|---|\n")
	for _, cmd := range root.Commands() {
		if len(command.Rights(cmd)) == 0 {
			continue // cobra's own
		}
		fmt.Fprintf(&index, "| [%s](%s.md) | %s | %s | `%s` |\n", cmd.Name(), cmd.Name(), escape(cmd.Short), rightsOf(cmd), command.Role(cmd))
		if err := os.WriteFile(filepath.Join(directory, cmd.Name()+".md"), []byte(page(cmd)), 0o600); err != nil {
			return err
		}
	}
	index.WriteString(install)
	index.WriteString("\n## Flags of every command\n\n" + flags(root.PersistentFlags()))
	return os.WriteFile(filepath.Join(directory, "README.md"), []byte(index.String()), 0o600)
}

const install = `
## Install

` + "`make build`" + ` writes ` + "`bin/kubectl-referral`" + `. In a directory of your ` + "`PATH`" + ` it is found by kubectl. For completion put a
script named ` + "`kubectl_complete-referral`" + ` beside it and make it executable:

` + "```sh" + `
#!/bin/sh
exec kubectl-referral __complete "$@"
` + "```" + `

Exit codes: 0 done; 1 differences or violations were found, or an awaited campaign needs a person or did not become ready in
time; 2 an error, in one line. Colours are used on a terminal only, and not if NO_COLOR is set or TERM is dumb.
kubectl referral --version prints the version.
`

func rightsOf(cmd *cobra.Command) string {
	var parts []string
	for _, right := range command.Rights(cmd) {
		part := strings.Join(right.Verbs, ", ") + " `" + right.Resource + "`"
		if right.When != "" {
			part += " (" + right.When + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "<br>")
}

func page(cmd *cobra.Command) string {
	long, _, _ := strings.Cut(cmd.Long, "\n\nRights:\n")
	var text strings.Builder
	fmt.Fprintf(&text, "# %s\n\n%s\n\n```sh\n%s\n```\n", cmd.CommandPath(), escape(long), cmd.UseLine())
	fmt.Fprintf(&text, "\n## Examples\n\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
	text.WriteString("\n## Flags\n\n" + flags(cmd.LocalNonPersistentFlags()))
	text.WriteString("\nThe [flags of every command](README.md#flags-of-every-command) hold as well.\n")
	fmt.Fprintf(&text, "\n## Rights\n\n| resource | verbs | when |\n|---|---|---|\n")
	for _, right := range command.Rights(cmd) {
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", right.Resource, strings.Join(right.Verbs, ", "), right.When)
	}
	text.WriteString("\n" + command.RoleSentence(cmd, "`") + "\n")
	return text.String()
}

func flags(set *pflag.FlagSet) string {
	var text strings.Builder
	text.WriteString("| flag | default | meaning |\n|---|---|---|\n")
	set.VisitAll(func(flag *pflag.Flag) {
		if flag.Name == "help" {
			return
		}
		name := "`--" + flag.Name + "`"
		if flag.Shorthand != "" {
			name = "`-" + flag.Shorthand + "`, " + name
		}
		value := flag.DefValue
		if value == "[]" {
			value = ""
		}
		fmt.Fprintf(&text, "| %s | %s | %s |\n", name, value, escape(flag.Usage))
	})
	return text.String()
}

// escape keeps words such as <name> from being read as HTML.
func escape(text string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;", "|", "\\|").Replace(text)
}
