package database

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one embedded file: 00001_configuration.sql has version 1. Files are only added.
type migration struct {
	version int
	text    string
}

// migrations by version, ascending.
var migrations = func() []migration {
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		panic(err)
	}
	found := make([]migration, 0, len(files))
	last := 0
	for _, file := range files {
		text, err := migrationFiles.ReadFile(file)
		if err != nil {
			panic(err)
		}
		digits, _, _ := strings.Cut(strings.TrimPrefix(file, "migrations/"), "_")
		version, err := strconv.Atoi(digits)
		if err != nil || version != last+1 {
			panic(fmt.Sprintf("the number of %s does not follow %d", file, last))
		}
		last = version
		found = append(found, migration{version: version, text: string(text)})
	}
	return found
}()

// SchemaVersion is the number of the newest migration that this binary has.
var SchemaVersion = migrations[len(migrations)-1].version

// RulesVersion counts the changes of the rules that decide, not of code. An engine decides only in
// a schema with its own rules version.
const RulesVersion = 1

// lockTimeout bounds how long a migration delays the shop: statements that queue behind its request
// for a lock wait no longer than this.
const lockTimeout = 3 * time.Second

// migrationTimeout bounds one statement of a migration.
const migrationTimeout = 5 * time.Minute

// errRaced means that another replica created the schema at the same time.
var errRaced = errors.New("another replica created the schema at the same time")

// runMigration runs a migration unless it has run, and records it in the same transaction.
func runMigration(ctx context.Context, db *postgres.DB, m migration) error {
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if err := postgres.SetTimeouts(ctx, tx, lockTimeout, migrationTimeout); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, query(db, "lock_migrations")); err != nil {
			return err
		}
		var ran bool
		if err := tx.QueryRow(ctx, query(db, "has_migration"), m.version).Scan(&ran); err != nil || ran {
			return err
		}
		if _, err := tx.Exec(ctx, db.Qualify(m.text)); err != nil {
			return fmt.Errorf("migration %d: %w", m.version, err)
		}
		if _, err := tx.Exec(ctx, query(db, "insert_migration"), m.version); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, query(db, "set_schema_version"), m.version); err != nil {
			return err
		}
		if m.version < SchemaVersion {
			return nil
		}
		_, err := tx.Exec(ctx, query(db, "retry_set_aside"))
		return err
	})
}
