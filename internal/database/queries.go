package database

import (
	"context"
	"embed"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

//go:embed queries/*.sql
var queryFiles embed.FS

var queries = postgres.LoadQueries(queryFiles)

// query returns a statement by the name of its file, written for the schema in use.
func query(db *postgres.DB, name string) string { return db.Qualify(queries.Get(name)) }

// configurationTimeout bounds the wait for batches of the engine. A batch holds its locks for a
// moment, or for half a minute if its node was lost.
const configurationTimeout = 40 * time.Second

// transact runs do in a transaction that declares something, and again after a conflict.
//
// Locks are taken in one order everywhere: owner, campaigns by name, meta.
func transact(ctx context.Context, db *postgres.DB, do func(pgx.Tx) error) error {
	return db.Retry(ctx, configurationTimeout, do)
}
