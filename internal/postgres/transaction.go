package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A transaction begins in one round trip: several statements without parameters travel in one
// message.
var (
	beginWriting  = queries.Get("begin") + queries.Get("set_defaults")
	beginSnapshot = queries.Get("begin_snapshot") + queries.Get("set_defaults")
	readAllRows   = queries.Get("read_all_rows") // follows them if Config.AllRows is set
)

// Those of a transaction that travels whole; see QueryBare.
var (
	beginBare      = queries.Get("begin_bare")
	setBare        = queries.Get("set_bare")
	setBareAllRows = queries.Get("set_bare_all_rows") // in its place if Config.AllRows is set
)

// defaultStatementTimeout is the server's timeout of a statement, as set_defaults.sql sets it.
const defaultStatementTimeout = 30 * time.Second

// Begin begins a READ COMMITTED transaction that may write. It does not depend on the defaults of
// server, database and role: its search_path is pg_catalog, so every table must be named with its
// schema, and statements, waits for locks and idleness end after 30 seconds.
//
// Each statement also ends here, with all its rows, if the server goes silent; see cleanTx.
//
// The pool is not exported, so that no transaction begins in another way.
func (db *DB) Begin(ctx context.Context) (pgx.Tx, error) {
	return db.begin(ctx, db.beginWriting, db.statement)
}

// WithLimits returns a DB of the same connections whose transactions that may write have limits: see
// LockTimeout and StatementTimeout. That costs no round trip.
func (db *DB) WithLimits(limits Limits) *DB {
	other := *db
	other.beginWriting += "SET LOCAL lock_timeout = " + milliseconds(limits.Lock) + ";" +
		"SET LOCAL statement_timeout = " + milliseconds(limits.Statement) + ";"
	other.statement = limits.Statement
	return &other
}

// Snapshot runs do in a REPEATABLE READ transaction that only reads and is otherwise like one of
// Begin.
func (db *DB) Snapshot(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, snapshots{db}, do)
}

// snapshots begins transactions that each read one snapshot.
type snapshots struct{ db *DB }

func (s snapshots) Begin(ctx context.Context) (pgx.Tx, error) {
	return s.db.begin(ctx, s.db.beginSnapshot, defaultStatementTimeout)
}

func (db *DB) begin(ctx context.Context, statements string, timeout time.Duration) (pgx.Tx, error) {
	clean := &cleanTx{nil, db.names, timeout}
	beginning, cancel := clean.limit(ctx, 1)
	defer cancel()
	acquiring, acquired := db.awaitConnection(beginning)
	tx, err := db.pool.BeginTx(acquiring, pgx.TxOptions{BeginQuery: statements})
	acquired()
	err = db.names.clean(err)
	if server, ok := errors.AsType[*pgconn.PgError](err); ok && server.Code == "0A000" {
		// A standby refuses READ WRITE as a feature that is not supported.
		return nil, fmt.Errorf("%w: %w", errReadOnly, err)
	}
	if err != nil {
		return nil, err
	}
	clean.Tx = tx
	if purpose, ok := ctx.Value(purposeKey{}).(string); ok {
		if _, err := clean.Exec(ctx, queries.Get("set_application_name"), applicationName+" "+purpose); err != nil {
			Rollback(ctx, clean)
			return nil, err
		}
	}
	return clean, nil
}

// Rollback rolls tx back, so that its connection is given back, even if ctx has ended. After a
// commit it does nothing.
func Rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// purposeKey is the key of WithPurpose.
type purposeKey struct{}

// WithPurpose returns a context whose transactions have the purpose, such as the ID of a reconcile,
// in their application_name. It costs each of them one round trip.
func WithPurpose(ctx context.Context, purpose string) context.Context {
	return context.WithValue(ctx, purposeKey{}, purpose)
}

// retryAttempts bounds how often Retry runs a transaction.
const retryAttempts = 3

// Retry runs do in a transaction of Begin in which each wait for a lock and each statement ends
// after timeout. After a conflict with another transaction it runs do again, up to three times.
func (db *DB) Retry(ctx context.Context, timeout time.Duration, do func(pgx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			if err := SetTimeouts(ctx, tx, timeout, timeout); err != nil {
				return err
			}
			return do(tx)
		})
		if attempt == retryAttempts || Classify(err) != ClassRetryable {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(rand.N(100 * time.Millisecond)):
		}
	}
}

// SetTimeouts bounds each wait for a lock and each statement until the transaction ends.
func SetTimeouts(ctx context.Context, tx pgx.Tx, lock, statement time.Duration) error {
	_, err := tx.Exec(ctx, queries.Get("set_timeouts"), milliseconds(lock), milliseconds(statement))
	if clean, ok := tx.(*cleanTx); ok && err == nil {
		clean.timeout = statement
	}
	return err
}

// milliseconds writes a duration as Postgres' settings do.
func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Exec runs one statement in a transaction of its own.
func (db *DB) Exec(ctx context.Context, sql string, arguments ...any) (tag pgconn.CommandTag, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		tag, err = tx.Exec(ctx, sql, arguments...)
		return err
	})
	return tag, err
}

// QueryRow returns a row whose Scan runs the statement in a transaction of its own.
func (db *DB) QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row {
	return &ownRow{ctx, db, sql, arguments}
}

type ownRow struct {
	ctx       context.Context
	db        *DB
	sql       string
	arguments []any
}

func (r *ownRow) Scan(values ...any) error {
	return pgx.BeginFunc(r.ctx, r.db, func(tx pgx.Tx) error {
		return tx.QueryRow(r.ctx, r.sql, r.arguments...).Scan(values...)
	})
}

// Query runs one statement in a transaction of its own, which ends when the rows are read or
// closed. Until then it occupies a connection.
func (db *DB) Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error) {
	tx, err := db.Begin(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, sql, arguments...)
	own := &ownRows{Rows: &boundedRows{Rows: rows}, ctx: ctx, tx: tx}
	if err != nil {
		own.Close()
		return nil, err
	}
	return own, nil
}

// ownRows are rows of a transaction of their own.
type ownRows struct {
	pgx.Rows
	ctx       context.Context
	tx        pgx.Tx
	ended     bool
	commitErr error
}

func (r *ownRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *ownRows) Scan(values ...any) error {
	err := r.Rows.Scan(values...)
	if err != nil {
		r.Close()
	}
	return err
}

func (r *ownRows) Close() {
	r.Rows.Close()
	if r.ended {
		return
	}
	r.ended = true
	if r.Rows.Err() == nil {
		r.commitErr = r.tx.Commit(r.ctx)
		return
	}
	Rollback(r.ctx, r.tx)
}

func (r *ownRows) Err() error { return errors.Join(r.Rows.Err(), r.commitErr) }

// QueryBare returns a row whose Scan runs one statement in one round trip, for a statement that
// runs ten times a second. Its transaction has the isolation and the search_path of one of Begin;
// timeouts are the role's defaults. After an error the connection is closed. The server may send
// bareBytes.
func (db *DB) QueryBare(ctx context.Context, sql string, arguments ...any) pgx.Row {
	return &bareRow{ctx, db, sql, arguments}
}

type bareRow struct {
	ctx       context.Context
	db        *DB
	sql       string
	arguments []any
}

func (r *bareRow) Scan(values ...any) error {
	batch := new(pgx.Batch)
	batch.Queue(beginBare)
	batch.Queue(r.db.setBare)
	batch.Queue(r.sql, r.arguments...)
	batch.Queue("COMMIT")
	acquiring, acquired := r.db.awaitConnection(r.ctx)
	connection, err := r.db.pool.Acquire(acquiring)
	acquired()
	if err != nil {
		return r.db.names.clean(err)
	}
	defer connection.Release()
	limitReading(connection.Conn(), bareBytes)
	results := connection.SendBatch(r.ctx, batch)
	_, err = results.Exec()
	if err == nil {
		_, err = results.Exec()
	}
	if err == nil {
		err = results.QueryRow().Scan(values...)
	}
	if closed := results.Close(); err == nil {
		err = closed
	}
	return r.db.names.clean(err)
}
