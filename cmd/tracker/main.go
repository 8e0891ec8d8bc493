// Command tracker is the edge: it leads visitors along referral links, remembers
// that they came, and takes facts over HTTP.
//
// What lives here: flags, and the wiring of what runs. It needs Postgres, as a
// role that may write facts, and nothing of Kubernetes. While Postgres is away
// links go on leading where they lead, and writes are refused for the moment.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tracker:", err)
		os.Exit(1)
	}
}

func command(arguments []string) error {
	options, err := parseFlags(arguments, os.LookupEnv, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case options.showVersion:
		fmt.Println(version())
		return nil
	}
	limitMemory()
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: options.logLevel}))

	// The first SIGTERM or SIGINT ends this context, the second ends the process on the spot.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop)
	defer stop()
	return run(ctx, options, log)
}
