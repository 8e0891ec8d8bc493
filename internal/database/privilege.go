package database

import (
	"context"
	"fmt"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// privileges are the ways to become a superuser that read_privilege numbers.
var privileges = map[int]string{
	1: "is a superuser",
	2: "is a member of a superuser's role",
	3: "may create roles, and before Postgres 16 grant itself almost any role",
	4: "may read or write files of the server, or run programs there",
}

// ReadPrivilege returns how the user of the connection may become a superuser, in words that
// continue "the user"; empty: it may not. What runs with the rights of such a user, such as a
// trigger that another role added, reaches far beyond the schema.
func ReadPrivilege(ctx context.Context, db *postgres.DB) (string, error) {
	var way int
	if err := db.QueryRow(ctx, query(db, "read_privilege")).Scan(&way); err != nil {
		return "", fmt.Errorf("while reading the rights of the user: %w", err)
	}
	return privileges[way], nil
}
