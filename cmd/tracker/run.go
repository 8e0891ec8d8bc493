package main

import (
	"context"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/referral-operator/referral-operator/internal/intake"
	"github.com/referral-operator/referral-operator/internal/tracker/edge"
	"github.com/referral-operator/referral-operator/internal/tracker/links"
	"github.com/referral-operator/referral-operator/internal/tracker/ops"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// tracker holds the parts of the process.
type tracker struct {
	options   options
	log       *slog.Logger
	health    *ops.Health
	metrics   *ops.Metrics
	secrets   secrets
	pools     *pools
	directory *links.Directory
	queue     *touches.Queue

	connections *intake.Connections
}

// run runs the process. It returns once ctx has ended and the requests in progress are answered, or
// when the process cannot start, for instance because its address is in use.
func run(ctx context.Context, options options, log *slog.Logger) error {
	log.Info("Starting", "version", version(), "public_url", options.publicURL, "schema", options.schema)
	// Files are read again, and touches written, until the last request is answered, which is after
	// ctx ends.
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
	// The first cookie needs the longest window. If the database is away, Run reads it later,
	// and cookies live for 400 days until then.
	_ = t.directory.Refresh(life)

	group, ctx := errgroup.WithContext(ctx)
	for _, run := range append(t.secrets.runs, t.directory.Run, t.queue.Run) {
		group.Go(func() error { return run(life) })
	}
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

// build makes every part. It needs no network.
func build(ctx context.Context, options options, log *slog.Logger) (*tracker, error) {
	t := &tracker{
		options: options, log: log, health: new(ops.Health),
		metrics: ops.NewMetrics(names(edge.Arrivals()), names(visitor.Reasons())),
	}
	var err error
	if t.secrets, err = readSecrets(options, log); err != nil {
		return nil, err
	}
	if t.pools, err = openPools(ctx, options, t.secrets.trusting); err != nil {
		return nil, err
	}
	t.pools.watch(t.metrics)
	t.connections = intake.NewConnections(options.clientConnections, headerBytes)
	t.metrics.WatchIntake(ops.Intake{
		Open:    func() int { return t.connections.Stats().Open },
		Refused: func() uint64 { return t.connections.Stats().Refused },
		Evicted: func() uint64 { return t.connections.Stats().Evicted },
	})
	t.directory = links.NewDirectory(t.pools.visitors, links.Options{Log: log})
	t.queue = touches.NewQueue(t.pools.visitors, touches.Options{PerSecond: t.options.pace(), Log: log})
	t.metrics.WatchQueue(ops.Queue{
		Written: func() uint64 { return t.queue.Stats().Written },
		Shed:    func() uint64 { return t.queue.Stats().Shed },
		Refused: func() uint64 { return t.queue.Stats().Refused },
		Depth:   func() int { return t.queue.Stats().Depth },
	})
	return t, nil
}

// pace is --touches-per-second as a queue takes it: a negative number for no limit.
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
