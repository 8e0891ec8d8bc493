package main

import (
	"context"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/referral-operator/referral-operator/internal/tracker/edge"
	"github.com/referral-operator/referral-operator/internal/tracker/links"
	"github.com/referral-operator/referral-operator/internal/tracker/ops"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// tracker is what runs.
type tracker struct {
	options   options
	log       *slog.Logger
	health    *ops.Health
	metrics   *ops.Metrics
	secrets   secrets
	pools     *pools
	directory *links.Directory
	queue     *touches.Queue
}

// run is the life of the process. It returns when ctx has ended and what had begun is finished, or when something without
// which the process makes no sense, such as an address to listen on, cannot be had.
func run(ctx context.Context, options options, log *slog.Logger) error {
	log.Info("Starting", "version", version(), "public_url", options.publicURL, "schema", options.schema)
	// Files are followed and windows read until the last request is answered, which is after ctx.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	t, err := build(life, options, log)
	if err != nil {
		return err
	}
	defer t.pools.close()
	handler, err := t.handler()
	if err != nil {
		return err
	}
	// Once before anybody asks, so that the first cookie lives as long as it should. Without a database that is later.
	_ = t.directory.Refresh(life)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { t.directory.Run(life); return nil })
	group.Go(func() error {
		defer end()
		return t.serve(ctx, handler)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	log.Info("Stopped")
	return nil
}

// build makes everything that needs no network.
func build(ctx context.Context, options options, log *slog.Logger) (*tracker, error) {
	t := &tracker{
		options: options, log: log, health: new(ops.Health),
		metrics: ops.NewMetrics(names(edge.Arrivals()), names(visitor.Reasons())),
	}
	var err error
	if t.secrets, err = readSecrets(ctx, options, log); err != nil {
		return nil, err
	}
	if t.pools, err = openPools(ctx, options); err != nil {
		return nil, err
	}
	t.pools.watch(t.metrics)
	t.directory = links.NewDirectory(t.pools.visitors, links.Options{Log: log})
	t.queue = touches.NewQueue(ctx, t.pools.visitors, touches.Options{PerSecond: t.options.pace(), Log: log})
	t.metrics.WatchQueue(ops.Queue{
		Written: func() uint64 { return t.queue.Stats().Written },
		Shed:    func() uint64 { return t.queue.Stats().Shed },
		Refused: func() uint64 { return t.queue.Stats().Refused },
		Depth:   func() int { return t.queue.Stats().Depth },
	})
	return t, nil
}

// pace is that of a queue, to which no limit is a number below zero.
func (o *options) pace() int {
	if o.touchPace == 0 {
		return -1
	}
	return o.touchPace
}

func names[T ~string](values []T) []string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	return texts
}
