package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// What config/samples declares.
const (
	namespace = "growth"
	campaign  = "rcamp/invite-friends"
)

// patience is for machines that have much else to do.
const (
	patience = 3 * time.Minute
	timeout  = "180s" // the same for kubectl
)

// world is everything the story runs on.
type world struct {
	screen  *screen
	root    string // of the repository
	scratch string // for files of the demo; it goes with the test world's

	cluster  *testworld.ControlPlane
	postgres *testworld.Postgres
	database *testworld.Database
	manager  *testworld.Process
	shop     *shop

	abandon context.CancelCauseFunc // ends the story early
}

// start starts the servers and builds the manager. Nothing is installed yet.
func (w *world) start(ctx context.Context) error {
	var err error
	if w.root, err = binaries.ModuleRoot(); err != nil {
		return err
	}
	if w.scratch, err = testworld.ScratchDir("demo"); err != nil {
		return err
	}
	w.screen.note("Starting everything it takes, on loopback and in temporary directories:")
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error {
		return w.screen.during("  kube-apiserver and etcd", func() (err error) {
			w.cluster, err = testworld.StartControlPlane(ctx, testworld.ControlPlaneOptions{})
			return err
		})
	})
	parts.Go(func() error {
		return w.screen.during("  Postgres with an empty database", func() (err error) {
			if w.postgres, err = testworld.FindPostgres(ctx, testworld.PostgresOptions{}); err != nil {
				return err
			}
			w.database, err = w.postgres.CreateDatabase(ctx)
			return err
		})
	})
	parts.Go(func() error {
		return w.screen.during("  go build ./cmd/manager", func() error { return w.buildManager(ctx) })
	})
	return parts.Wait()
}

var errLeftBehind = errors.New("something of the demo is left behind")

// close stops everything and removes every file. Its error is an errLeftBehind.
func (w *world) close() error {
	const forManager, forDatabase = 10 * time.Second, 10 * time.Second
	// What ends the demo must not keep it from clearing up.
	ctx, cancel := context.WithTimeout(context.Background(), forDatabase)
	defer cancel()
	var errs []error
	if w.shop != nil {
		errs = append(errs, w.shop.close(ctx))
	}
	if w.manager != nil {
		errs = append(errs, w.manager.Stop(forManager))
	}
	if w.cluster != nil {
		errs = append(errs, w.cluster.Stop())
	}
	if w.database != nil && w.postgres.Borrowed() {
		errs = append(errs, w.database.Drop(ctx))
	}
	if w.postgres != nil {
		errs = append(errs, w.postgres.Stop())
	}
	errs = append(errs, testworld.StopAll(ctx))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %w", errLeftBehind, err)
	}
	return nil
}

// stayUp tells how to use what is running, and waits for Ctrl-C.
func (w *world) stayUp(ctx context.Context) {
	w.screen.step("It stays up: try it yourself")
	w.screen.tell(fmt.Sprintf(`In another terminal:

  export KUBECONFIG=%s
  %s get referral -n %s

  psql '%s'   # the shop: writes facts, reads everything

The manager's log is %s

Ctrl-C stops and removes everything.`,
		w.cluster.Kubeconfig(), w.cluster.KubectlPath(), namespace, w.database.WriterURI, w.manager.LogPath()))
	select {
	case <-ctx.Done():
	case <-w.manager.Exited():
		w.screen.tell("The manager has ended; so does this.")
	}
	w.screen.tell("Stopping.")
}
