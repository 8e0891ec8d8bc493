// Command demo plays the whole product once, on real components: a kube-apiserver with its etcd, a
// Postgres server, and manager and tracker as processes of their own, all on loopback and in
// temporary directories.
//
// A platform team installs the operator and applies config/samples with kubectl. A shop makes a
// link through the tracker, a visitor follows it, and the shop records facts by HTTP and by SQL, as
// the plain role that the samples name as a writer. After each step the demo shows the result.
// Everything that it shows was really run, and it fails if a credit differs from the story.
//
// It ends by itself and leaves nothing behind. With KEEP=1 in the environment everything keeps
// running after the story, until Ctrl-C.
//
// What must not be here: anything that tests or the product need as well.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const exitInterrupted = 130 // 128 + SIGINT, as in shells

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
		fmt.Fprintln(os.Stderr, "demo: interrupted; everything has been stopped and removed")
		return exitInterrupted
	default:
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
}

// run plays the story in a world of its own, and stops the world however the story ends.
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
	screen.tell("That is all. KEEP=1 make demo keeps everything running, for your own kubectl, psql and browser.")
	return nil
}
