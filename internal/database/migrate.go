package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrationAttempts bounds how often a migration that stood in somebody's way
// is tried again in one call.
const migrationAttempts = 10

// Migrate brings the schema, which it makes where there is none, to this
// binary's versions and returns the schema's. Any number of replicas may call
// it at once, one of which does the work. It writes nothing where there is
// nothing to do. A schema of a newer binary is an *ErrSchemaTooNew.
func Migrate(ctx context.Context, db *DB) (version int, err error) {
	for attempt := 1; ; attempt++ {
		version, err = migrate(ctx, db)
		if err == nil || attempt == migrationAttempts || Classify(err) != ClassRetryable && !errors.Is(err, errRaced) {
			return version, err
		}
		pause := time.Duration(attempt) * (100*time.Millisecond + rand.N(100*time.Millisecond))
		select {
		case <-ctx.Done():
			return version, err
		case <-time.After(pause):
		}
	}
}

func migrate(ctx context.Context, db *DB) (int, error) {
	schema, rules, err := ReadVersions(ctx, db)
	if err != nil {
		return 0, err
	}
	if err := CheckVersions(Versions{Schema: schema, Rules: rules}); err != nil {
		return schema, err
	}
	if schema < SchemaVersion {
		if err := bootstrap(ctx, db); err != nil {
			return schema, fmt.Errorf("while creating schema %s: %w", db.Schema, err)
		}
		if err := runMigrations(ctx, db); err != nil {
			return schema, fmt.Errorf("while migrating schema %s: %w", db.Schema, err)
		}
		db.Reset() // what connections remember of the columns is out of date
	}
	if rules < RulesVersion {
		if err := setRules(ctx, db); err != nil {
			return SchemaVersion, fmt.Errorf("while putting rules %d into force: %w", RulesVersion, err)
		}
	}
	return SchemaVersion, nil
}

// bootstrap makes the schema and the two tables that the migrations' library
// keeps its books in. A role that may not create schemas can do with one that
// somebody made for it.
func bootstrap(ctx context.Context, db *DB) error {
	var hasSchema, hasTables bool
	err := db.QueryRow(ctx, query("bootstrap_state"), string(db.Schema)).Scan(&hasSchema, &hasTables)
	if err != nil || hasTables {
		return err
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if !hasSchema {
			if _, err := tx.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{string(db.Schema)}.Sanitize()); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, db.Qualify(query("bootstrap_tables")))
		return err
	})
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch server.Code {
		case "42P06", "42P07", "42710", "23505": // another replica made it at the same time
			return errRaced
		}
	}
	return err
}

// lease is how long the lock outlives a replica that was killed holding it.
var lease = 15 * time.Second

func runMigrations(ctx context.Context, db *DB) (err error) {
	books := stdlib.OpenDBFromPool(db.Pool)
	defer func() { err = errors.Join(err, books.Close()) }()

	locker, err := lock.NewPostgresTableLocker(
		lock.WithTableName(string(db.Schema)+".schema_lock"),
		lock.WithTableLeaseDuration(lease),
		lock.WithTableHeartbeatInterval(lease/5),
		lock.WithTableLockTimeout(500*time.Millisecond, 600),
		lock.WithTableUnlockTimeout(time.Second, 3),
		lock.WithTableRetryPolicy(worthWaiting),
		lock.WithTableLogger(slog.New(slog.DiscardHandler)), // what matters is in the error
	)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, books, nil,
		goose.WithTableName(string(db.Schema)+".schema_migration"),
		goose.WithGoMigrations(db.Schema.goMigrations()...),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLocker(locker),
		goose.WithLogger(goose.NopLogger()),
	)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// worthWaiting tells whether the lock may still be had: it is held, which is
// an error without a class. A lost server is for the caller to wait for.
func worthWaiting(err error) bool {
	class := Classify(err)
	return class == ClassUnknown && !errors.Is(err, context.Canceled) || class == ClassRetryable
}

// setRules puts this binary's rules into force, and what the older ones could
// not decide on the change list again.
func setRules(ctx context.Context, db *DB) error {
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, db.Qualify(query("set_rules_version")), RulesVersion)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		_, err = tx.Exec(ctx, db.Qualify(query("retry_set_aside")))
		return err
	})
}
