package database

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Roles are Postgres roles by their access to the schema.
//
// Writers write facts, except columns that only the database sets, and neither change nor delete
// adjustments, actions, redemptions and erasures. Readers and writers read facts, results, balances
// and configuration, and what explaining a purchase reads beside them: the waitlist and the
// counters that caps and budgets rest on. Both may execute the functions that these statements call.
// Neither may access the engine's other tables.
type Roles struct {
	Writers []string
	Readers []string
}

// ErrRolesNotFound names the listed roles that do not exist. The others have their rights.
type ErrRolesNotFound struct{ Roles []string }

func (e *ErrRolesNotFound) Error() string {
	quoted := make([]string, len(e.Roles))
	for i, role := range e.Roles {
		quoted[i] = fmt.Sprintf("%q", role)
	}
	return "spec.roles: the database has no role " + strings.Join(quoted, ", ") + ": create each missing role, or remove it from spec.roles"
}

// GrantRoles grants the listed roles their rights, also rights that were revoked by hand, and
// revokes those that it granted to roles which are not listed any more. It writes nothing if
// nothing differs. A generation lower than that of an earlier change is an *ErrStale.
func GrantRoles(ctx context.Context, db *postgres.DB, ownerUID string, generation int64, roles Roles) error {
	// A nil slice would be sent as null.
	roles = Roles{Writers: append([]string{}, roles.Writers...), Readers: append([]string{}, roles.Readers...)}
	due, missing, differs, err := compareRoles(ctx, db, db, roles)
	if err == nil && (differs || len(due) > 0) {
		err = transact(ctx, db, func(tx pgx.Tx) error {
			if err := recordGeneration(ctx, tx, db, ownerUID, generation); err != nil {
				return err
			}
			return grantRoles(ctx, tx, db, roles)
		})
	}
	if err != nil {
		return fmt.Errorf("while granting the schema to roles: %w", err)
	}
	if len(missing) > 0 {
		return &ErrRolesNotFound{Roles: missing}
	}
	return nil
}

func grantRoles(ctx context.Context, tx pgx.Tx, db *postgres.DB, roles Roles) error {
	if _, err := tx.Exec(ctx, query(db, "lock_roles")); err != nil {
		return err
	}
	due, _, _, err := compareRoles(ctx, tx, db, roles)
	if err != nil {
		return err
	}
	var statements strings.Builder
	for _, g := range due {
		statements.WriteString(g.statement(db.Schema) + ";\n")
	}
	if _, err := tx.Exec(ctx, statements.String()); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, query(db, "remember_roles"), roles.Writers, roles.Readers); err != nil {
		return err
	}
	// Postgres only warns when a right cannot be passed on.
	due, _, _, err = compareRoles(ctx, tx, db, roles)
	if err == nil && len(due) > 0 {
		err = &postgres.ErrNotGranted{Statement: due[0].statement(db.Schema)}
	}
	return err
}

// grant is a GRANT or REVOKE that is due.
type grant struct {
	Action     string // GRANT or REVOKE
	Role       string
	Object     string // empty: the schema
	Privilege  string
	Attributes []string // empty: the whole object
}

func (g grant) statement(schema postgres.Schema) string {
	var b strings.Builder
	b.WriteString(g.Action + " " + g.Privilege)
	if len(g.Attributes) > 0 {
		columns := make([]string, len(g.Attributes))
		for i, attribute := range g.Attributes {
			columns[i] = pgx.Identifier{attribute}.Sanitize()
		}
		b.WriteString(" (" + strings.Join(columns, ", ") + ")")
	}
	switch object := (pgx.Identifier{string(schema), g.Object}).Sanitize(); {
	case g.Object == "":
		b.WriteString(" ON SCHEMA " + pgx.Identifier{string(schema)}.Sanitize())
	case g.Privilege == "EXECUTE":
		b.WriteString(" ON FUNCTION " + object)
	default:
		b.WriteString(" ON " + object)
	}
	if g.Action == "GRANT" {
		b.WriteString(" TO ")
	} else {
		b.WriteString(" FROM ")
	}
	b.WriteString(pgx.Identifier{g.Role}.Sanitize())
	return b.String()
}

// reader is a pool or a transaction.
type reader interface {
	querier
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
}

// compareRoles returns the grants that are due, the roles that do not exist, and whether table
// role_grant differs from the list.
func compareRoles(ctx context.Context, from reader, db *postgres.DB, roles Roles) (due []grant, missing []string, differs bool, err error) {
	err = from.QueryRow(ctx, query(db, "compare_roles"), roles.Writers, roles.Readers).Scan(&missing, &differs)
	if err != nil {
		return nil, nil, false, err
	}
	rows, err := from.Query(ctx, query(db, "compare_grants"), roles.Writers, roles.Readers, string(db.Schema))
	if err != nil {
		return nil, nil, false, err
	}
	due, err = postgres.CollectRows(rows, pgx.RowToStructByPos[grant])
	return due, missing, differs, err
}
