// Command tracker redirects visitors of referral links, records their touches, and takes facts over
// HTTP.
//
// This package has flags and wiring only. The tracker needs Postgres, with a role that may write
// facts, and no Kubernetes. While Postgres is away, links in memory go on redirecting, and writes
// of facts are answered with 503.
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

	// The first SIGTERM or SIGINT ends this context, the second ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop)
	defer stop()
	return run(ctx, options, log)
}
