package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// insertThroughput is how many purchases per second a shop records, one per transaction on 8
// connections, with the triggers that enqueue changes over without them. No engine is running.
func insertThroughput(ctx context.Context, w *world) (all []series, err error) {
	s, err := w.newShop(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	period := time.Duration(w.scale * float64(4*time.Second))
	side := func(name, mode string) side {
		return side{name, func(ctx context.Context) (float64, error) {
			// Only the owner may; both sides begin with empty tables.
			for _, sql := range []string{
				"TRUNCATE referral.purchase, referral.change",
				"ALTER TABLE referral.purchase " + mode + " TRIGGER USER",
			} {
				if _, err := s.db.Exec(ctx, sql); err != nil {
					return 0, err
				}
			}
			if err := w.checkpoint(ctx); err != nil {
				return 0, err
			}
			before := w.processorTime()
			rate, err := insert(ctx, s.writer, connections, period)
			if err != nil {
				return 0, err
			}
			w.detail("%s: %.0f purchases/s for %s, with %s", name, rate, period, w.processorTime().since(before))
			return rate, s.enqueued(ctx, mode == "ENABLE")
		}}
	}
	ratios, err := w.compare(ctx, "purchases/s", side("with capture", "ENABLE"), side("without", "DISABLE"))
	return []series{ratios}, err
}

// insert records purchases for as long as period, one a transaction, as fast as so many connections
// do, and returns how many that is in a second.
func insert(ctx context.Context, as *pgxpool.Pool, connections int, period time.Duration) (float64, error) {
	var written atomic.Int64
	began := time.Now()
	parts, writing := errgroup.WithContext(ctx)
	for part := range connections {
		parts.Go(func() error {
			for n := 0; time.Since(began) < period; n++ {
				id := fmt.Sprintf("%d-%d", part, n)
				if _, err := as.Exec(writing, statement("write_purchase"), "u"+id, "o"+id); err != nil {
					return err
				}
				written.Add(1)
			}
			return nil
		})
	}
	if err := parts.Wait(); err != nil {
		return 0, fmt.Errorf("while recording purchases: %w", err)
	}
	return float64(written.Load()) / time.Since(began).Seconds(), nil
}

// enqueued checks that the triggers enqueued the changes.
func (s *shop) enqueued(ctx context.Context, all bool) error {
	var purchases, changes int
	const count = "SELECT (SELECT count(*) FROM referral.purchase), (SELECT count(*) FROM referral.change)"
	if err := s.db.QueryRow(ctx, count).Scan(&purchases, &changes); err != nil {
		return err
	}
	if all && changes != purchases || !all && changes != 0 {
		return fmt.Errorf("%d purchases were recorded and %d changes enqueued", purchases, changes)
	}
	return nil
}
