// Package command has the commands of "kubectl referral".
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// Exit codes. A command that compares or verifies says with differences that it found some.
const (
	exitDone        = 0
	exitDifferences = 1
	exitError       = 2
)

// errDifferences ends a command that has printed differences or violations.
var errDifferences = errors.New("differences were found")

// errInterrupted ends a command that a signal has interrupted.
var errInterrupted = errors.New("interrupted")

// output keeps the first error of writing: most functions that print drop it.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(text []byte) (int, error) {
	n, err := o.Writer.Write(text)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// Run runs "kubectl referral" with its arguments and returns the exit code.
func Run(ctx context.Context, args []string, in io.Reader, out, problems io.Writer) int {
	checked := &output{Writer: out}
	root := New(in, checked, problems)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case checked.err != nil:
		err = fmt.Errorf("the output cannot be written: %w", checked.err)
	case err == nil:
		return exitDone
	case errors.Is(err, errDifferences):
		return exitDifferences
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		err = errInterrupted
	}
	fmt.Fprintln(problems, "error:", oneLine(err))
	return exitError
}

// session is what all commands of one call share.
type session struct {
	flags         *genericclioptions.ConfigFlags
	in            io.Reader
	out, problems io.Writer
}

// New returns the command "kubectl referral" with all commands below it.
func New(in io.Reader, out, problems io.Writer) *cobra.Command {
	s := &session{flags: connectionFlags(), in: in, out: out, problems: problems}
	root := &cobra.Command{
		Use:   "kubectl-referral",
		Short: "Plan, explain, watch and stop referral programs",
		Long: `Plan, explain, watch and stop the referral programs that referral-operator runs.

Every command needs the API server and nothing else. The help of each command lists the rights that
the command takes.`,
		Version:           version(),
		Annotations:       map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl referral"},
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		Args:              checkCommand,
		PersistentPreRunE: checkTimeout,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(problems)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})
	root.SetHelpCommand(helpCommand())
	s.flags.AddFlags(root.PersistentFlags())
	root.AddCommand(
		s.planCommand(), s.explainCommand(), s.statusCommand(), s.verifyCommand(),
		s.suspendCommand(), s.resumeCommand(), s.reconcileCommand(), s.releaseCommand(),
	)
	refuseUnknownShells(root)
	return root
}

// connectionFlags are the flags of kubectl that say which API server to ask, as which user and
// where.
func connectionFlags() *genericclioptions.ConfigFlags {
	all := genericclioptions.NewConfigFlags(true)
	return &genericclioptions.ConfigFlags{
		KubeConfig: all.KubeConfig, Context: all.Context, Namespace: all.Namespace,
		Impersonate: all.Impersonate, ImpersonateGroup: all.ImpersonateGroup,
	}
}

// showsColors reports whether an output is a terminal on which the user wants colours.
func showsColors(out io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(out)
}

func isTerminal(out io.Writer) bool {
	if checked, ok := out.(*output); ok {
		out = checked.Writer
	}
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
