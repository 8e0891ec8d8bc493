package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/tracker/ops"
)

// visitorConnections is how many connections find links and write touches. They have a pool of
// their own, so that no visitor waits while a batch of facts waits for a lock.
const visitorConnections = 3

// readConnections is how many of the connections read balances, credits, lists and explanations.
// They have a pool of their own, so that no write waits for slow reads.
func readConnections(all int) int { return max(1, (all-visitorConnections)/3) }

// pools are the connections to the database. They connect when they are used: the tracker starts
// and redirects without a database.
type pools struct{ visitors, writes, reads *postgres.DB }

// openPools makes the pools. trusting returns the configuration that trusts the authorities now in
// force; nil: sslmode decides.
func openPools(ctx context.Context, options options, trusting func() *pgxpool.Config) (*pools, error) {
	var err error
	p, reads := new(pools), readConnections(options.connections)
	for _, pool := range []struct {
		into        **postgres.DB
		connections int
	}{
		{&p.visitors, visitorConnections}, {&p.reads, reads}, {&p.writes, options.connections - visitorConnections - reads},
	} {
		if *pool.into, err = openPool(ctx, options, trusting, pool.connections); err != nil {
			p.close()
			return nil, err
		}
	}
	return p, nil
}

func openPool(ctx context.Context, options options, trusting func() *pgxpool.Config, connections int) (*postgres.DB, error) {
	schema, err := postgres.ParseSchema(options.schema)
	if err != nil {
		return nil, fmt.Errorf("--schema: %w", err)
	}
	config, err := postgres.ParseConfig(options.databaseURL, nil)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	if trusting != nil {
		// Each new connection trusts the authorities of the file as it is then.
		before := config.BeforeConnect
		config.BeforeConnect = func(ctx context.Context, connection *pgx.ConnConfig) error {
			newest := trusting().ConnConfig.Copy()
			connection.TLSConfig, connection.Fallbacks = newest.TLSConfig, newest.Fallbacks
			return before(ctx, connection)
		}
	}
	config.MaxConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("while making a pool of connections: %w", err)
	}
	return postgres.NewDB(pool, schema), nil
}

// trustingAuthorities returns the database's configuration that trusts the authorities of a file
// alone. Without any it would trust the system's.
func (o *options) trustingAuthorities(file []byte) (*pgxpool.Config, error) {
	if len(file) == 0 {
		return nil, postgres.ErrNoCertificate
	}
	return postgres.ParseConfig(o.databaseURL, &postgres.TLS{Mode: postgres.VerifyFull, CA: file})
}

func (p *pools) watch(metrics *ops.Metrics) {
	for name, db := range map[string]*postgres.DB{"visitors": p.visitors, "writes": p.writes, "reads": p.reads} {
		metrics.WatchConnections(name, func() (used, idle, most int32) {
			stat := db.Stat()
			return stat.AcquiredConns(), stat.IdleConns(), stat.MaxConns()
		})
	}
}

func (p *pools) close() {
	for _, db := range []*postgres.DB{p.visitors, p.writes, p.reads} {
		if db != nil {
			db.Close()
		}
	}
}
