package postgres

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config names a database and a schema in it.
type Config struct {
	URI            string // postgresql://user:password@host:5432/database
	TLS            *TLS   // nil: the URI's sslmode decides
	Schema         Schema
	MaxConnections int32  // at least 2, since a migration needs one beside its lock's; 0: 8
	Tenant         string // whose turn it is to connect; see logins

	// AllRows makes a statement fail, with ClassPermissionDenied, if row-level security would hide
	// rows from it. A row that is hidden looks like one that was deleted.
	AllRows bool
}

// DB is a pool of connections to a database, and the schema in use.
type DB struct {
	pool   *pgxpool.Pool
	names  secretNames
	Schema Schema

	beginWriting  string        // the message that begins a transaction; see Begin
	beginSnapshot string        // the message that begins one of Snapshot
	setBare       string        // precedes a statement of QueryBare
	statement     time.Duration // the server's timeout of a statement in a transaction of Begin
	patience      time.Duration // see awaitIdle; zero: a use never waits
}

// NewDB returns a DB that uses the connections of a pool. Make the pool's configuration with
// ParseConfig. Policies of row-level security apply to its statements.
func NewDB(pool *pgxpool.Pool, schema Schema) *DB {
	return &DB{
		pool: pool, names: namesOf(&pool.Config().ConnConfig.Config), Schema: schema,
		beginWriting: beginWriting, beginSnapshot: beginSnapshot, setBare: setBare, statement: defaultStatementTimeout,
	}
}

// connectTimeout bounds one attempt to connect, over all addresses that the URI names.
const connectTimeout = 30 * time.Second

// Open waits for its turn, and connects. It returns once the server has answered or the connection
// has failed; Classify gives the cause.
func Open(ctx context.Context, config Config) (*DB, error) {
	schema, err := ParseSchema(string(config.Schema))
	if err != nil {
		return nil, err
	}
	settings, err := ParseConfig(config.URI, config.TLS)
	if err != nil {
		return nil, err
	}
	if config.MaxConnections != 0 {
		settings.MaxConns = max(config.MaxConnections, 2)
	}
	first, err := allLogins.await(ctx, config.Tenant, true)
	if err != nil {
		return nil, fmt.Errorf("while waiting for other connections to be made: %w", err)
	}
	defer first.end()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	takeTurns(settings, first, config.Tenant)
	pool, err := pgxpool.NewWithConfig(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("while making a pool: %w", err)
	}
	db := NewDB(pool, schema)
	db.patience = idlePatience
	if config.AllRows {
		db.beginWriting += readAllRows
		db.beginSnapshot += readAllRows
		db.setBare = setBareAllRows
	}
	if err := db.Ping(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// idlePatience is how long a use waits for a connection that others use, before it makes a further
// one: most uses take some milliseconds, and a connection costs the server more than a hundred of them.
const idlePatience = 500 * time.Millisecond

// awaitIdle waits until a connection is idle, or the pool may make one: the first, or a further one
// once the patience is over. It makes one at a time. While a server is away each use would else leave
// a login behind, up to MaxConnections of each database, and all of these would meet the server when
// it is back.
func (db *DB) awaitIdle(ctx context.Context) {
	const pause = 5 * time.Millisecond
	for waited := time.Duration(0); db.patience > 0 && ctx.Err() == nil; waited += pause {
		pool := db.pool.Stat()
		if pool.IdleConns() > 0 || pool.TotalConns() == 0 || waited >= db.patience && pool.ConstructingConns() == 0 {
			return
		}
		time.Sleep(pause)
	}
}

// takeTurns lets each connection of a pool wait for its turn, except for the first, which has it.
func takeTurns(settings *pgxpool.Config, first *login, tenant string) {
	var unused atomic.Pointer[login]
	unused.Store(first)
	limit := settings.BeforeConnect
	settings.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) (err error) {
		turn := unused.Swap(nil)
		if turn == nil {
			if turn, err = allLogins.await(ctx, tenant, false); err != nil {
				return err
			}
		}
		c.Tracer = turn
		return limit(ctx, c)
	}
}

// Qualify replaces the qualifier "referral." of a statement by the schema's name. Keep the result
// of a statement that runs often.
func (db *DB) Qualify(sql string) string { return db.Schema.Qualify(sql) }

// Ping returns nil if the server answers.
func (db *DB) Ping(ctx context.Context) error {
	return db.probe(ctx, func(connection *pgxpool.Conn) error { return db.names.clean(connection.Ping(ctx)) })
}

// Reset closes all connections once they are idle. Call it after a migration: connections remember
// the columns of statements.
func (db *DB) Reset() { db.pool.Reset() }

// Close waits until all connections are idle and closes them.
func (db *DB) Close() { db.pool.Close() }

// Stat returns how many connections there are and how many are in use.
func (db *DB) Stat() *pgxpool.Stat { return db.pool.Stat() }
