// Command assets gets everything that tests, the demo and the bench start: the programs of a
// Kubernetes control plane, linked into bin/k8s, and Postgres. Missing programs are fetched or
// built once, see internal/testworld/binaries. With -tests it also gets what only some tests need,
// and prints what the tests do not prove without the programs that are missing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

func main() {
	tests := flag.Bool("tests", false, "also get what only some tests need")
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
	if err := binaries.CleanApt(ctx); err != nil {
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
	if err := getPostgres(ctx); err != nil || !tests {
		return err
	}
	return getForTests(ctx)
}

// getPostgres gets the server that is started unless DATABASE_URL names one.
func getPostgres(ctx context.Context) error {
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

// getForTests gets the programs that only some tests need. One that is missing is no error: its
// tests are skipped, see testworld.Need.
func getForTests(ctx context.Context) error {
	for _, program := range binaries.ForTests {
		path, err := program.Find(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			cause, _, _ := strings.Cut(err.Error(), "\n")
			fmt.Printf("not proven: %s (%s)\n", program.Unproven, cause)
		default:
			fmt.Printf("%s: %s\n", program.Name, path)
		}
	}
	return nil
}
