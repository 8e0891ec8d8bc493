package database

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// existing is what exists of a schema.
type existing struct{ schema, migrations bool } // migrations: the table of migrations

// checkOwners returns what exists of the schema. It returns a *postgres.ErrUntrustedOwner if a role
// owns the schema, or its table of migrations, that might give itself the operator's rights: triggers
// and views of that role run with them, and it may replace every table of the schema.
func checkOwners(ctx context.Context, from reader, schema postgres.Schema) (found existing, err error) {
	rows, err := from.Query(ctx, queries.Get("schema_owners"), string(schema))
	if err != nil {
		return existing{}, err
	}
	var kind, owner string
	var trusted bool
	err = postgres.ForEachRow(rows, []any{&kind, &owner, &trusted}, func() error {
		name := pgx.Identifier{string(schema)}
		if kind == "SCHEMA" {
			found.schema = true
		} else {
			found.migrations = true
			name = append(name, "schema_migration")
		}
		if !trusted {
			return &postgres.ErrUntrustedOwner{Object: kind + " " + name.Sanitize(), Owner: owner}
		}
		return nil
	})
	return found, err
}
