package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/referral-operator/referral-operator/internal/hosting"
)

// stopTimeout bounds each part of an orderly stop. What has not ended by then is rolled back by the database.
const stopTimeout = 5 * time.Second

// run is the life of the process. It returns when ctx ends and everything has stopped, or when something without which
// the process makes no sense, such as the address of a server, cannot be had.
func run(ctx context.Context, options options, kubernetes *rest.Config, log logr.Logger) error {
	log.Info("Starting", "version", version(), "installation", options.installation)
	registry := hosting.NewRegistry(hosting.Options{
		Workers:      options.workers,
		PollInterval: options.pollInterval,
		Log:          slog.New(logr.ToSlogHandler(log.WithName("hosting"))),
	})
	if err := metrics.Registry.Register(registry.Metrics()); err != nil {
		return fmt.Errorf("while registering metrics: %w", err)
	}
	health := newHealth(options.healthAddress)
	metricsServer, err := newMetricsServer(options, kubernetes)
	if err != nil {
		return err
	}

	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error { return health.serve(ctx) })
	if metricsServer != nil {
		running.Go(func() error { return metricsServer.Start(ctx) })
	}
	running.Go(func() error {
		keepManager(ctx, log, func(ctx context.Context) error {
			return runManager(ctx, options, kubernetes, registry, health.ready)
		})
		// In this order: whoever still reconciles uses the connections.
		return closeRegistry(registry)
	})
	if err := running.Wait(); err != nil {
		return err
	}
	log.Info("Stopped")
	return nil
}

func closeRegistry(registry *hosting.Registry) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := registry.Close(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the engines did not stop within %s; the databases roll back what they were doing", stopTimeout)
	}
	return err
}
