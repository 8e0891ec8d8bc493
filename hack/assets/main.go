// Command assets gets everything that tests, the demo and the bench start: the programs of a
// Kubernetes control plane, linked into bin/k8s, and Postgres. Missing programs are fetched or
// built once, see internal/testworld/binaries. With -tests it also gets what only some tests need.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

func main() {
	tests := flag.Bool("tests", false, "also get "+binaries.ControllerManager+", nginx and Chromium")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, *tests)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, tests bool) error {
	root, err := binaries.ModuleRoot()
	if err != nil {
		return err
	}
	linked := filepath.Join("bin", "k8s")
	if err := binaries.LinkControlPlane(ctx, filepath.Join(root, linked)); err != nil {
		return fmt.Errorf("while getting a control plane: %w", err)
	}
	if tests {
		if _, err := binaries.ControlPlane(ctx, binaries.ControllerManager); err != nil {
			return fmt.Errorf("while getting what some tests need: %w", err)
		}
	}
	fmt.Printf("control plane: %s\n", linked)
	if tests {
		getEdge(ctx)
	}

	if os.Getenv("DATABASE_URL") != "" {
		fmt.Println("Postgres: the server of DATABASE_URL")
		return nil
	}
	installed, err := binaries.Postgres(ctx)
	if err != nil {
		return fmt.Errorf("while getting Postgres: %w", err)
	}
	fmt.Printf("Postgres: %d in %s\n", installed.Major, installed.Dir)
	return nil
}

// getEdge gets nginx and Chromium, for some tests of the tracker. Tests skip what cannot be found.
func getEdge(ctx context.Context) {
	for _, program := range []struct {
		name string
		find func(context.Context) (string, error)
	}{
		{"nginx", binaries.Nginx},
		{"Chromium", binaries.Chromium},
	} {
		path, err := program.find(ctx)
		if err != nil {
			fmt.Printf("%s: tests that need it will be skipped: %v\n", program.name, err)
			continue
		}
		fmt.Printf("%s: %s\n", program.name, path)
	}
}
