package database

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one embedded file: 00001_configuration.sql has version 1.
type migration struct {
	version int
	text    string
}

// migrations by version, without gaps.
var migrations = func() []migration {
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		panic(err)
	}
	found := make([]migration, 0, len(files))
	for i, file := range files {
		text, err := migrationFiles.ReadFile(file)
		if err != nil {
			panic(err)
		}
		digits, _, _ := strings.Cut(strings.TrimPrefix(file, "migrations/"), "_")
		version, err := strconv.Atoi(digits)
		if err != nil || version != i+1 {
			panic(fmt.Sprintf("%s is not migration number %d", file, i+1))
		}
		found = append(found, migration{version: version, text: string(text)})
	}
	return found
}()

// SchemaVersion is the number of the newest migration that this binary has.
var SchemaVersion = len(migrations)

// RulesVersion counts the changes of what facts are worth: of rules, not of
// code. An engine takes batches only in a schema with its own.
const RulesVersion = 1

// lockTimeout bounds how long a migration stands in the shop's way: whatever
// queues behind its request for a lock waits no longer than that.
const lockTimeout = 3 * time.Second

// idleTimeout ends the transaction of a migration whose replica was stopped.
const idleTimeout = 30 * time.Second

// errRaced is returned by a migration that another replica has run meanwhile.
var errRaced = errors.New("another replica ran this migration")

// goMigrations are the embedded files as the library runs them, each in a
// transaction with the row that says it ran.
func (s Schema) goMigrations() []*goose.Migration {
	all := make([]*goose.Migration, 0, len(migrations))
	for _, m := range migrations {
		run := func(ctx context.Context, tx *sql.Tx) error { return s.runMigration(ctx, tx, m) }
		all = append(all, goose.NewGoMigration(int64(m.version), &goose.GoFunc{RunTx: run}, nil))
	}
	return all
}

func (s Schema) runMigration(ctx context.Context, tx *sql.Tx, m migration) error {
	if _, err := tx.ExecContext(ctx, query("set_timeouts"), lockTimeout.String(), idleTimeout.String()); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, s.Qualify(query("lock_migrations"))); err != nil {
		return err
	}
	var ran bool
	if err := tx.QueryRowContext(ctx, s.Qualify(query("has_migration")), m.version).Scan(&ran); err != nil {
		return err
	}
	if ran {
		return errRaced
	}
	if _, err := tx.ExecContext(ctx, s.Qualify(m.text)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, s.Qualify(query("set_schema_version")), m.version); err != nil {
		return err
	}
	if m.version < SchemaVersion {
		return nil
	}
	_, err := tx.ExecContext(ctx, s.Qualify(query("retry_set_aside")))
	return err
}
