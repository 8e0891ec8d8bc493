// Command manager is the operator: it declares the resources in the attribution databases, and
// decides credits there.
//
// This package holds the flags, and the wiring of what runs. Two parts run side by side for the
// life of the process. The registry of hosted databases holds the connections and the engines and
// needs only Postgres. controller-runtime's manager holds the controllers and needs the API server.
// When the lease or the API server is lost, the manager alone ends, and a new one is built.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/referral-operator/referral-operator/internal/version"
)

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

func command(arguments []string) error {
	options, err := parseFlags(arguments, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case options.showVersion:
		fmt.Println(version.String())
		return nil
	}
	limitMemory()
	log := startLogging(options)
	kubernetes, err := config.GetConfig()
	if err != nil {
		return fmt.Errorf("while looking for a way to the API server (set --kubeconfig, or run in a cluster): %w", err)
	}
	kubernetes.UserAgent = "referral-operator/" + version.String()

	// The first SIGTERM or SIGINT ends this context, the second ends the process on the spot.
	ctx := ctrl.SetupSignalHandler()
	return run(ctx, options, kubernetes, log)
}
