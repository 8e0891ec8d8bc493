package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/database"
)

// driftScan is the processor time of a resync of a million pairs, over that of a plain
// anti-join in both directions between desired credits and ledger entries. The comparison is the
// engine's own: all ranges, counters and accounts.
func driftScan(ctx context.Context, w *world) ([]series, error) {
	s, err := w.million(ctx)
	if err != nil {
		return nil, err
	}
	e := s.newEngine()
	scan := side{"resync", func(ctx context.Context) (float64, error) {
		if err := database.RequestResync(ctx, s.db, campaignIdentity, time.Now().String()); err != nil {
			return 0, err
		}
		return w.costs("a resync", func() error { return e.Resync(ctx) })
	}}
	bare := side{"anti-join", func(ctx context.Context) (float64, error) {
		return w.costs("an anti-join both ways", func() error { return s.antiJoin(ctx) })
	}}
	ratios, err := w.compare(ctx, "s of processor time", scan, bare)
	if err != nil {
		return nil, err
	}
	if found := e.Stats().Drift; found != 0 {
		return nil, fmt.Errorf("a resync put %d differences right where there are none", found)
	}
	return []series{ratios}, nil
}

// costs is the processor time, in seconds, that work takes of the server and of this process.
func (w *world) costs(what string, work func() error) (float64, error) {
	began, before := time.Now(), w.processorTime()
	err := work()
	spent := w.processorTime().since(before)
	w.detail("%s in %.2fs, with %s", what, time.Since(began).Seconds(), spent)
	return spent.seconds(), err
}

// antiJoin finds nothing, as a good plan would: the planner expects too little of joins by several
// columns, and would go through one side for each row of the other.
func (s *shop) antiJoin(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL enable_nestloop = off"); err != nil {
			return err
		}
		var differ int64
		if err := tx.QueryRow(ctx, statement("anti_join")).Scan(&differ); err != nil {
			return err
		}
		if differ != 0 {
			return fmt.Errorf("%d pairs differ where none should", differ)
		}
		return nil
	})
}
