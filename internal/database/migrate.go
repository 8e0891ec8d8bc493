package database

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// migrationAttempts bounds how often one call of Migrate retries after a conflict.
const migrationAttempts = 10

// Migrate creates the schema if there is none and migrates it to this binary's versions. Any number
// of replicas may call it at the same time; one does the work. It writes nothing if there is
// nothing to do. A schema of a newer binary is an *ErrSchemaTooNew.
func Migrate(ctx context.Context, db *postgres.DB) error {
	for attempt := 1; ; attempt++ {
		err := migrate(ctx, db)
		if err == nil || attempt == migrationAttempts || postgres.Classify(err) != postgres.ClassRetryable && !errors.Is(err, errRaced) {
			return err
		}
		pause := time.Duration(attempt) * (100*time.Millisecond + rand.N(100*time.Millisecond))
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

func migrate(ctx context.Context, db *postgres.DB) error {
	found, err := ReadVersions(ctx, db)
	if err != nil {
		return err
	}
	if err := CheckVersions(found); err != nil {
		return err
	}
	if found.Schema < SchemaVersion {
		if err := bootstrap(ctx, db); err != nil {
			return fmt.Errorf("while creating schema %s: %w", db.Schema, err)
		}
		for _, m := range migrations {
			if m.version <= found.Schema {
				continue
			}
			if err := runMigration(ctx, db, m); err != nil {
				return fmt.Errorf("while migrating schema %s: %w", db.Schema, err)
			}
		}
		db.Reset() // open connections remember the columns that tables had
	}
	if found.Rules < RulesVersion {
		if err := setRules(ctx, db); err != nil {
			return fmt.Errorf("while putting rules %d into force: %w", RulesVersion, err)
		}
	}
	return nil
}

// bootstrap creates the schema and the table of migrations that have run. A role that may not
// create schemas can use one that was created for it; see checkOwners.
func bootstrap(ctx context.Context, db *postgres.DB) error {
	found, err := checkOwners(ctx, db, db.Schema)
	if err != nil || found.migrations {
		return err
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if !found.schema {
			if _, err := tx.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{string(db.Schema)}.Sanitize()); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, query(db, "bootstrap_tables"))
		return err
	})
	if postgres.AlreadyExists(err) {
		return errRaced
	}
	return err
}

// setRules puts this binary's rules into force, and enqueues the referees that the older rules set
// aside.
func setRules(ctx context.Context, db *postgres.DB) error {
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, query(db, "set_rules_version"), RulesVersion)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		_, err = tx.Exec(ctx, query(db, "retry_set_aside"))
		return err
	})
}
