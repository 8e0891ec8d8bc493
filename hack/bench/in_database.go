package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// engineVersusInDatabase drains a backlog with one engine, over working out the same rows by one
// INSERT … SELECT per table inside the database: by rate, and by processor time. Each round has
// fresh copies of the same database, and all results are compared.
func engineVersusInDatabase(ctx context.Context, w *world) ([]series, error) {
	referees := w.scaled(300_000)
	template, err := w.backlog(ctx, referees)
	if err != nil {
		return nil, err
	}
	var result []summary
	same := func(ctx context.Context, s *shop) error { return s.sameResult(ctx, &result) }
	measured := costSide{"engine", func(ctx context.Context) (cost, error) {
		return w.onCopy(ctx, template, referees, func(ctx context.Context, s *shop) (time.Duration, error) {
			return s.drain(ctx, referees)
		}, same)
	}}
	baseline := costSide{"in-database", func(ctx context.Context) (cost, error) {
		var plain *pgx.Conn // the statements have their own transactions
		return w.onCopy(ctx, template, referees, func(ctx context.Context, s *shop) (_ time.Duration, err error) {
			if plain, err = pgx.Connect(ctx, s.own.URI); err != nil {
				return 0, err
			}
			began := time.Now()
			_, err = plain.Exec(ctx, statement("in_database"))
			return time.Since(began), err
		}, func(ctx context.Context, s *shop) error {
			// The connection stays open until its processor time has been read.
			return errors.Join(plain.Close(ctx), same(ctx, s))
		})
	}}
	return w.compareCosts(ctx, costUnits, measured, baseline)
}
