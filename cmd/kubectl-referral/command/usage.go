package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// takes checks that a command has from least to most arguments; most below 0: any number.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && (most < 0 || len(args) <= most) {
			return nil
		}
		bound := fmt.Sprintf("at most %s", arguments(most))
		switch {
		case most == 0:
			bound = "no argument"
		case least == most:
			bound = arguments(least)
		case len(args) < least:
			bound = fmt.Sprintf("at least %s", arguments(least))
		}
		return fmt.Errorf("%s takes %s, not %d; see %s --help", cmd.CommandPath(), bound, len(args), cmd.CommandPath())
	}
}

func arguments(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// unknownCommand is the error for the name of a command that does not exist, with one that is like
// it.
func unknownCommand(root *cobra.Command, name string) error {
	if like := root.SuggestionsFor(name); len(like) > 0 {
		return fmt.Errorf("there is no command %q: did you mean %s? See %s --help", name, like[0], root.CommandPath())
	}
	return fmt.Errorf("there is no command %q: see %s --help", name, root.CommandPath())
}

// checkCommand refuses an argument that names no command.
func checkCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknownCommand(cmd, args[0])
	}
	return nil
}

// helpCommand is cobra's, except that an unknown command is an error.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(cmd.Root(), args[len(args)-max(1, len(rest))])
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}

// refuseUnknownShells makes "completion" of a shell that cobra does not know an error.
func refuseUnknownShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, command := range root.Commands() {
		if command.Name() == "completion" {
			command.Args, command.SuggestionsMinimumDistance = checkCommand, 2
			command.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// checkTimeout refuses a timeout that is over before anything is sent.
func checkTimeout(cmd *cobra.Command, _ []string) error {
	flag := cmd.Flags().Lookup("timeout")
	if flag == nil {
		return nil
	}
	if timeout, err := time.ParseDuration(flag.Value.String()); err == nil && timeout <= 0 {
		return errors.New("--timeout must be above 0")
	}
	return nil
}
