package postgres

import (
	"context"
	"fmt"
	"time"

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
	connects      *connects     // how connections are made; nil: whenever one is needed
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
	connects := &connects{target: target{tenant: config.Tenant}}
	first, err := allLogins.await(ctx, &connects.target)
	if err != nil {
		return nil, fmt.Errorf("while waiting for other connections to be made: %w", err)
	}
	ctx, used := withTurn(ctx, first)
	defer used()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	connects.takeTurns(settings)
	pool, err := pgxpool.NewWithConfig(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("while making a pool: %w", err)
	}
	db := NewDB(pool, schema)
	db.connects = connects
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
