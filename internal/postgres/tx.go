package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// cleanTx is a transaction whose errors are clean; see secretNames.clean.
type cleanTx struct {
	pgx.Tx
	names secretNames
}

func (t *cleanTx) Commit(ctx context.Context) error   { return t.names.clean(t.Tx.Commit(ctx)) }
func (t *cleanTx) Rollback(ctx context.Context) error { return t.names.clean(t.Tx.Rollback(ctx)) }

func (t *cleanTx) Begin(ctx context.Context) (pgx.Tx, error) {
	savepoint, err := t.Tx.Begin(ctx)
	if err != nil {
		return nil, t.names.clean(err)
	}
	return &cleanTx{savepoint, t.names}, nil
}

func (t *cleanTx) Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error) {
	tag, err := t.Tx.Exec(ctx, sql, arguments...)
	return tag, t.names.clean(err)
}

func (t *cleanTx) Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error) {
	rows, err := t.Tx.Query(ctx, sql, arguments...)
	return &cleanRows{rows, t.names}, t.names.clean(err)
}

func (t *cleanTx) QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row {
	return cleanRow{t.Tx.QueryRow(ctx, sql, arguments...), t.names}
}

func (t *cleanTx) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	return &cleanResults{t.Tx.SendBatch(ctx, batch), t.names}
}

func (t *cleanTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, source pgx.CopyFromSource) (int64, error) {
	n, err := t.Tx.CopyFrom(ctx, table, columns, source)
	return n, t.names.clean(err)
}

type cleanRows struct {
	pgx.Rows
	names secretNames
}

func (r *cleanRows) Err() error               { return r.names.clean(r.Rows.Err()) }
func (r *cleanRows) Scan(values ...any) error { return r.names.clean(r.Rows.Scan(values...)) }

type cleanRow struct {
	pgx.Row
	names secretNames
}

func (r cleanRow) Scan(values ...any) error { return r.names.clean(r.Row.Scan(values...)) }

type cleanResults struct {
	pgx.BatchResults
	names secretNames
}

func (r *cleanResults) Close() error { return r.names.clean(r.BatchResults.Close()) }

func (r *cleanResults) Exec() (pgconn.CommandTag, error) {
	tag, err := r.BatchResults.Exec()
	return tag, r.names.clean(err)
}

func (r *cleanResults) Query() (pgx.Rows, error) {
	rows, err := r.BatchResults.Query()
	return &cleanRows{rows, r.names}, r.names.clean(err)
}

func (r *cleanResults) QueryRow() pgx.Row { return cleanRow{r.BatchResults.QueryRow(), r.names} }
