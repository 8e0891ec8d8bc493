package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// decisions reports when all recorded facts have been decided. It reads the change queue as the
// operator's role: a shop needs no access to it and has none.
type decisions struct {
	connection *pgx.Conn
	pending    string
}

func watchDecisions(ctx context.Context, operatorURI string) (*decisions, error) {
	pending, err := statement("pending")
	if err != nil {
		return nil, err
	}
	connection, err := pgx.Connect(ctx, operatorURI)
	if err != nil {
		return nil, fmt.Errorf("while connecting as the operator: %w", err)
	}
	return &decisions{connection: connection, pending: pending}, nil
}

func (d *decisions) close(ctx context.Context) error { return d.connection.Close(ctx) }

// await waits until nothing is pending, and returns how long that took.
func (d *decisions) await(ctx context.Context) (time.Duration, error) {
	const pause = 10 * time.Millisecond
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("still not decided after %s", patience))
	defer cancel()
	for {
		var pending bool
		if err := d.connection.QueryRow(ctx, d.pending).Scan(&pending); err != nil {
			return 0, fmt.Errorf("while waiting for decisions: %w", err)
		}
		if !pending {
			return time.Since(began), nil
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("while waiting for decisions: %w", context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}
