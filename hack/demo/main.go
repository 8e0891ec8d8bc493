// Command demo plays the whole product once, on real components: a
// kube-apiserver with its etcd, a Postgres server, and the manager as a process
// of its own, all on loopback and in temporary directories.
//
// A platform team installs the operator and applies config/samples with
// kubectl; a shop records facts through SQL, as the plain role that the samples
// name as a writer; after each step a person looks at what became of it. What
// is shown was really run, and what it comes to is checked: when a credit is
// not what the story says, the demo fails.
//
// It ends by itself and leaves nothing behind. With KEEP=1 in the environment
// it stays up after the story until Ctrl-C.
//
// What must not be here: anything that tests or the product would need, too.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const exitInterrupted = 130 // 128 + SIGINT, as shells have it

func main() { os.Exit(command()) }

// command returns the exit code.
func command() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := untilOrphaned(ctx)
	defer cancel()

	err := run(ctx, newScreen(os.Stdout), os.Getenv("KEEP") == "1")
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && !errors.Is(err, errLeftBehind):
		fmt.Fprintln(os.Stderr, "demo: interrupted; everything is stopped and removed")
		return exitInterrupted
	default:
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
}

// run plays the story in a world of its own, and takes the world down however
// the story ends.
func run(ctx context.Context, screen *screen, keep bool) (err error) {
	w := &world{screen: screen}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.start(ctx); err != nil {
		return fmt.Errorf("while starting the world: %w", err)
	}
	story, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w.abandon = cancel
	if err := play(story, w); err != nil {
		return w.explain(ctx, errors.Join(context.Cause(story), err))
	}
	if keep {
		w.stayUp(ctx)
		return nil
	}
	screen.tell("That is all. With KEEP=1 it stays up, for kubectl and psql of your own.")
	return nil
}
