package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// engineVersusRowAtATime drains a backlog with one engine, over the usual careful job: one
// transaction per pair on 8 connections.
func engineVersusRowAtATime(ctx context.Context, w *world) ([]series, error) {
	referees, walked := w.scaled(100_000), w.scaled(8_000)
	template, err := w.backlog(ctx, referees)
	if err != nil {
		return nil, err
	}
	measured := costSide{"engine", func(ctx context.Context) (cost, error) {
		return w.onCopy(ctx, template, referees, func(ctx context.Context, s *shop) (time.Duration, error) {
			return s.drain(ctx, referees)
		}, func(ctx context.Context, s *shop) error { return s.paid(ctx, referees, 0) })
	}}
	baseline := costSide{"row at a time", func(ctx context.Context) (cost, error) {
		return w.onCopy(ctx, template, walked, func(ctx context.Context, s *shop) (time.Duration, error) {
			return s.walk(ctx, walked)
		}, func(context.Context, *shop) error { return nil }) // walk has checked it
	}}
	ratios, err := w.compareCosts(ctx, costUnits, measured, baseline)
	if err != nil {
		return nil, err
	}
	return ratios[:1], nil
}

// walk credits so many referees' first purchases one by one.
func (s *shop) walk(ctx context.Context, pairs int) (time.Duration, error) {
	rows, err := s.db.Query(ctx, statement("row_referees"), pairs)
	if err != nil {
		return 0, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, err
	}
	// Not the operator's pool, which never lets the server keep a plan.
	config, err := pgxpool.ParseConfig(s.own.URI)
	if err != nil {
		return 0, errors.New("the operator's URI cannot be parsed")
	}
	config.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	began := time.Now()
	parts, walking := errgroup.WithContext(ctx)
	for part := range connections {
		parts.Go(func() error {
			for i := part; i < len(ids); i += connections {
				if err := pgx.BeginFunc(walking, pool, func(tx pgx.Tx) error { return credit(walking, tx, ids[i]) }); err != nil {
					return fmt.Errorf("while crediting for %s: %w", ids[i], err)
				}
			}
			return nil
		})
	}
	if err := parts.Wait(); err != nil {
		return 0, err
	}
	return time.Since(began), s.walkedAll(ctx, pairs)
}

// credit reads what is known of a referee, and records attribution, pair, credit, ledger entry and
// account for the first purchase that is worth anything, a statement each.
func credit(ctx context.Context, tx pgx.Tx, userID string) error {
	var code, referrerID string
	var signedUpAt time.Time
	if err := tx.QueryRow(ctx, statement("row_signup"), userID).Scan(&code, &referrerID, &signedUpAt); err != nil {
		return err
	}
	var purchaseID string
	var purchasedAt time.Time
	if err := tx.QueryRow(ctx, statement("row_purchase"), userID, signedUpAt).Scan(&purchaseID, &purchasedAt); err != nil {
		return err
	}
	var granted int64
	if err := tx.QueryRow(ctx, statement("row_granted"), userID, purchaseID).Scan(&granted); err != nil {
		return err
	}
	if granted != 0 {
		return nil
	}
	writes := []struct {
		name      string
		arguments []any
	}{
		{"row_attribution", []any{userID, campaign, code, referrerID, signedUpAt}},
		{"row_pair", []any{userID, purchaseID, campaign, referrerID, purchasedAt}},
		{"row_credit", []any{userID, purchaseID, campaign, referrerID}},
		{"row_ledger", []any{userID, purchaseID, campaign, referrerID}},
		{"row_account", []any{referrerID}},
	}
	for _, write := range writes {
		if _, err := tx.Exec(ctx, statement(write.name), write.arguments...); err != nil {
			return err
		}
	}
	return nil
}

// walkedAll checks that the job credited every referee.
func (s *shop) walkedAll(ctx context.Context, pairs int) error {
	var entries int
	if err := s.db.QueryRow(ctx, "SELECT count(*) FROM referral.ledger").Scan(&entries); err != nil {
		return err
	}
	if entries != pairs {
		return errors.New("the job that goes row by row did not credit every pair")
	}
	return nil
}
