package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Config is what it takes to use a schema.
type Config struct {
	URI            string // postgresql://user:password@host:5432/database
	TLS            *TLS   // nil: the URI's sslmode decides
	Schema         Schema
	MaxConnections int32 // at least 2, since a migration holds one beside its lock's; 0: 8
}

// DB is a pool of connections to a database, and the schema in it.
type DB struct {
	pool   *pgxpool.Pool
	Schema Schema
}

// NewDB returns a DB that uses the connections of a pool whose configuration
// is ParseConfig's.
func NewDB(pool *pgxpool.Pool, schema Schema) *DB { return &DB{pool: pool, Schema: schema} }

// Open connects. It returns once the server has answered, or with what kept it
// from it; see Classify.
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
	pool, err := pgxpool.NewWithConfig(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("while making a pool: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("while connecting: %w", err)
	}
	return NewDB(pool, schema), nil
}

// Qualify puts the schema's name into a statement written for "referral".
// Who runs a statement often keeps the result.
func (db *DB) Qualify(sql string) string { return db.Schema.Qualify(sql) }

// Ping asks the server for a sign of life.
func (db *DB) Ping(ctx context.Context) error { return db.pool.Ping(ctx) }

// Close closes all connections once they are given back.
func (db *DB) Close() { db.pool.Close() }

// Stat says how many connections there are and how many are in use.
func (db *DB) Stat() *pgxpool.Stat { return db.pool.Stat() }
