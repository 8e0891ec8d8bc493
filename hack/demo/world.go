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

// patience bounds each wait; it is long for the sake of busy machines.
const (
	patience = 3 * time.Minute
	timeout  = "180s" // the same for kubectl
)

// world is everything the story runs on.
type world struct {
	screen  *screen
	root    string // of the repository
	scratch string // the demo's files; removed with the test world's

	cluster  *testworld.ControlPlane
	postgres *testworld.Postgres
	database *testworld.Database
	manager  *testworld.Process
	tracker  *tracker
	shop     *shop
	visitor  *visitor

	abandon context.CancelCauseFunc // ends the story early

	// Ports of the metrics of manager and tracker; zero: they have none, so that two demos can run
	// at once.
	managerMetrics, trackerMetrics int
}

// start starts the servers and builds the binaries. It installs nothing.
func (w *world) start(ctx context.Context) error {
	var err error
	if w.root, err = binaries.ModuleRoot(); err != nil {
		return err
	}
	if w.scratch, err = testworld.ScratchDir("demo"); err != nil {
		return err
	}
	w.screen.note("Starting the servers, on loopback and in temporary directories:")
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
		return w.screen.during("  go build ./cmd/manager ./cmd/tracker", func() error { return w.build(ctx) })
	})
	return parts.Wait()
}

var errLeftBehind = errors.New("the demo could not remove everything that it started")

// close stops everything and removes every file. Its error wraps errLeftBehind.
func (w *world) close() error {
	const forProcess, forDatabase = 30 * time.Second, 30 * time.Second
	// Not the demo's context: it may have ended already.
	ctx, cancel := context.WithTimeout(context.Background(), forDatabase)
	defer cancel()
	var errs []error
	if w.shop != nil {
		errs = append(errs, w.shop.close(ctx))
	}
	if w.tracker != nil && w.tracker.process != nil {
		errs = append(errs, w.tracker.process.Stop(forProcess))
	}
	if w.manager != nil {
		errs = append(errs, w.manager.Stop(forProcess))
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

// stayUp says how to use what is running, and waits for Ctrl-C.
func (w *world) stayUp(ctx context.Context) {
	w.screen.step("Everything keeps running: try it yourself")
	w.screen.tell(fmt.Sprintf(`In another terminal:

  export KUBECONFIG=%s
  %s get referral -n %s

  psql '%s'   # as the shop: writes facts, reads results

The tracker listens on %s, and describes its API at %[5]s/docs.
The shop's token: %s

Logs: %s
      %s

Ctrl-C stops and removes everything.`,
		w.cluster.Kubeconfig(), w.cluster.KubectlPath(), namespace, w.database.WriterURI,
		w.tracker.url, w.tracker.token, w.manager.LogPath(), w.tracker.process.LogPath()))
	select {
	case <-ctx.Done():
	case <-w.manager.Exited():
		w.screen.tell("The manager has exited, so the demo ends.")
	case <-w.tracker.process.Exited():
		w.screen.tell("The tracker has exited, so the demo ends.")
	}
	w.screen.tell("Stopping.")
}
