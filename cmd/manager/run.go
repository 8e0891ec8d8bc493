package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/referral-operator/referral-operator/controllers"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/version"
)

// stopTimeout bounds each part of an orderly stop. The databases roll back batches that have not
// ended by then.
const stopTimeout = 5 * time.Second

// run runs the process. It returns when ctx ends and everything has stopped, or when something
// fails that the process cannot do without, such as listening on the address of a server.
func run(ctx context.Context, options options, kubernetes *rest.Config, log logr.Logger) error {
	log.Info("Starting", "version", version.String(), "installation", options.installation)
	registry := hosting.NewRegistry(hosting.Options{
		Workers:          options.workers,
		PollInterval:     options.pollInterval,
		IdlePollInterval: options.idlePollInterval,
		Reconcilers:      options.concurrent,
		Log:              slog.New(logr.ToSlogHandler(log.WithName("hosting"))),
	})
	leader := controllers.NewMetrics(registry)
	for _, collector := range []prometheus.Collector{registry.Metrics(), leader, version.Metric("referral_manager_build_info")} {
		if err := metrics.Registry.Register(collector); err != nil {
			return fmt.Errorf("while registering metrics: %w", err)
		}
	}
	health := newHealth(options.healthAddress)
	metricsServer, err := newMetricsServer(options, kubernetes)
	if err != nil {
		return err
	}

	running, ctx := errgroup.WithContext(ctx)
	hosts, endHosts := context.WithCancel(context.WithoutCancel(ctx))
	defer endHosts()
	running.Go(func() error { return runHosts(hosts, registry) })
	running.Go(func() error { return health.Run(ctx) })
	running.Go(func() error { followMemory(ctx, func() int { return len(registry.Names()) }); return nil })
	running.Go(func() error { return metricsServer.Run(ctx) })
	running.Go(func() error {
		defer endHosts() // after the manager: a reconcile that still runs uses the connections
		keepManager(ctx, log, func(ctx context.Context) error {
			return runManager(ctx, options, kubernetes, registry, leader, health.ready)
		})
		return nil
	})
	if err := running.Wait(); err != nil {
		return err
	}
	log.Info("Stopped")
	return nil
}

// runHosts runs the registry until ctx ends, and then waits for at most stopTimeout until its
// engines have stopped.
func runHosts(ctx context.Context, registry *hosting.Registry) error {
	ended := make(chan error, 1)
	go func() { ended <- registry.Run(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(stopTimeout):
		return fmt.Errorf("the engines did not stop within %s; the databases roll back what they were doing", stopTimeout)
	}
}
