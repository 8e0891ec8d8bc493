package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// answerTime is how much longer than the server the client waits for the end of a statement. The
// server's timeouts end nothing if it goes silent, or sends its answer byte by byte: without limits
// of its own the client would keep waiting, with all that it holds.
const answerTime = 10 * time.Second

// batchTimeouts is how many timeouts of one statement the statements of a batch may take together.
const batchTimeouts = 3

// cleanTx is a transaction whose errors are clean, see secretNames.clean, and whose statements end,
// with all their rows, answerTime after the timeout that the server has for them.
type cleanTx struct {
	pgx.Tx
	names   secretNames
	timeout time.Duration // the server's, of one statement
}

func (t *cleanTx) limit(ctx context.Context, timeouts int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Duration(timeouts)*t.timeout+answerTime)
}

func (t *cleanTx) Commit(ctx context.Context) error {
	ctx, cancel := t.limit(ctx, 1)
	defer cancel()
	return t.names.clean(t.Tx.Commit(ctx))
}

func (t *cleanTx) Rollback(ctx context.Context) error {
	ctx, cancel := t.limit(ctx, 1)
	defer cancel()
	return t.names.clean(t.Tx.Rollback(ctx))
}

func (t *cleanTx) Begin(ctx context.Context) (pgx.Tx, error) {
	ctx, cancel := t.limit(ctx, 1)
	defer cancel()
	savepoint, err := t.Tx.Begin(ctx)
	if err != nil {
		return nil, t.names.clean(err)
	}
	return &cleanTx{savepoint, t.names, t.timeout}, nil
}

func (t *cleanTx) Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error) {
	ctx, cancel := t.limit(ctx, 1)
	defer cancel()
	tag, err := t.Tx.Exec(ctx, sql, arguments...)
	return tag, t.names.clean(err)
}

func (t *cleanTx) Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error) {
	ctx, cancel := t.limit(ctx, 1)
	rows, err := t.Tx.Query(ctx, sql, arguments...)
	if err != nil {
		cancel()
	}
	return &cleanRows{rows, t.names, cancel}, t.names.clean(err)
}

func (t *cleanTx) QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row {
	ctx, cancel := t.limit(ctx, 1)
	return cleanRow{t.Tx.QueryRow(ctx, sql, arguments...), t.names, cancel}
}

func (t *cleanTx) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	ctx, cancel := t.limit(ctx, batchTimeouts)
	return &cleanResults{t.Tx.SendBatch(ctx, batch), t.names, cancel}
}

func (t *cleanTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, source pgx.CopyFromSource) (int64, error) {
	ctx, cancel := t.limit(ctx, 1)
	defer cancel()
	n, err := t.Tx.CopyFrom(ctx, table, columns, source)
	return n, t.names.clean(err)
}

// cleanRows are rows of a cleanTx.
type cleanRows struct {
	pgx.Rows
	names secretNames
	end   context.CancelFunc // of their time
}

func (r *cleanRows) Next() bool {
	more := r.Rows.Next()
	if !more {
		r.end()
	}
	return more
}

func (r *cleanRows) Close() {
	r.Rows.Close()
	r.end()
}

func (r *cleanRows) Err() error               { return r.names.clean(r.Rows.Err()) }
func (r *cleanRows) Scan(values ...any) error { return r.names.clean(r.Rows.Scan(values...)) }

type cleanRow struct {
	pgx.Row
	names secretNames
	end   context.CancelFunc // of its time
}

func (r cleanRow) Scan(values ...any) error {
	defer r.end()
	return r.names.clean(r.Row.Scan(values...))
}

type cleanResults struct {
	pgx.BatchResults
	names secretNames
	end   context.CancelFunc // of the time of all
}

func (r *cleanResults) Close() error {
	defer r.end()
	return r.names.clean(r.BatchResults.Close())
}

func (r *cleanResults) Exec() (pgconn.CommandTag, error) {
	tag, err := r.BatchResults.Exec()
	return tag, r.names.clean(err)
}

func (r *cleanResults) Query() (pgx.Rows, error) {
	rows, err := r.BatchResults.Query()
	return &cleanRows{rows, r.names, func() {}}, r.names.clean(err)
}

func (r *cleanResults) QueryRow() pgx.Row {
	return cleanRow{r.BatchResults.QueryRow(), r.names, func() {}}
}
