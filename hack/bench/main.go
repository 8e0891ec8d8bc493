// Command bench measures engine and tracker against their limits and ends in a line "name number"
// for each of them. docs/benchmarks.md says what the numbers mean.
//
// Both sides of a comparison run in turns in the same run on the same server, for several rounds:
// absolute numbers depend on the machine, ratios on the engine. Facts are written as the plain role
// of the shop, never as superuser.
//
// One file measures one thing; world.go has what they share. What must not be here: anything that
// tests or the product need as well.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"syscall"
)

// The engine is measured under the limits of memory that cmd/manager sets.
const (
	memoryGoal     = 44 << 20
	garbagePercent = 400
)

type options struct {
	only       *regexp.Regexp
	rounds     int
	scale      float64
	statements bool
	profile    string
}

func main() { os.Exit(run()) }

// run returns the exit code: 1 also when a line misses its limit.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	met, err := command(ctx)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	case !met:
		return 1
	}
	return 0
}

// command reports whether every selected line was measured and meets its limit.
func command(ctx context.Context) (met bool, err error) {
	o, err := parseFlags()
	if err != nil {
		return false, err
	}
	debug.SetMemoryLimit(memoryGoal)
	debug.SetGCPercent(garbagePercent)
	chosen := choose(o.only)
	if len(chosen) == 0 {
		return false, fmt.Errorf("no line's name matches -run %s", o.only)
	}
	w, err := newWorld(ctx, o)
	if err != nil {
		return false, errors.Join(err, w.close())
	}
	defer func() { err = errors.Join(err, w.close()) }()
	results, err := measure(ctx, w, chosen)
	if err != nil {
		return false, err
	}
	return w.report.finish(results), nil
}

func parseFlags() (options, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("run", "", "measure only lines whose names match this regular `expression`")
	var o options
	flags.IntVar(&o.rounds, "rounds", 5, "rounds of each comparison; the median counts")
	flags.Float64Var(&o.scale, "scale", 1, "size of everything, 1 being the sizes that the limits are about; 0.05 is a quick look")
	flags.BoolVar(&o.statements, "statements", false, "also show processor time, and which statements of the engine take the server's time")
	flags.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of this process to this `file`")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return options{}, err
	}
	switch {
	case flags.NArg() > 0:
		return options{}, fmt.Errorf("unexpected argument %q: everything is set by flags, see -help", flags.Arg(0))
	case o.rounds < 1:
		return options{}, fmt.Errorf("-rounds=%d: must be at least 1", o.rounds)
	case o.scale <= 0 || o.scale > 10:
		return options{}, fmt.Errorf("-scale=%g: must be above 0 and at most 10", o.scale)
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return options{}, fmt.Errorf("-run: %w", err)
	}
	return o, nil
}
