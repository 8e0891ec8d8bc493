package database

import (
	"cmp"
	"context"
	"fmt"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Versions of a schema; both 0 if there is none.
type Versions struct {
	Schema int // number of the newest migration that ran
	Rules  int // version of the rules that decide
}

// Known returns the versions of this binary.
func Known() Versions { return Versions{Schema: SchemaVersion, Rules: RulesVersion} }

// ErrSchemaTooNew means that a newer version of the operator has migrated the schema. This binary
// must not write to it.
type ErrSchemaTooNew struct{ Found, Known Versions }

func (e *ErrSchemaTooNew) Error() string {
	return fmt.Sprintf("the schema has version %d with rules %d, and this version of the operator knows %d with rules %d: run the newer version",
		e.Found.Schema, e.Found.Rules, e.Known.Schema, e.Known.Rules)
}

// ReadVersions returns the versions of the schema; both 0 if it does not exist or no migration has
// run.
func ReadVersions(ctx context.Context, db *postgres.DB) (v Versions, err error) {
	err = db.QueryRow(ctx, query(db, "read_versions")).Scan(&v.Schema, &v.Rules)
	if postgres.Classify(err) == postgres.ClassMissingObject {
		return Versions{}, nil
	}
	if err != nil {
		return Versions{}, fmt.Errorf("while reading the schema's version: %w", err)
	}
	return v, nil
}

// ReadOwnership returns what every schema has, whatever its version: the versions and the owner. It
// is zero if the schema does not exist or no migration has run.
func ReadOwnership(ctx context.Context, db *postgres.DB) (status Status, err error) {
	status.Versions, err = ReadVersions(ctx, db)
	if err != nil || status.Versions.Schema == 0 {
		return status, err
	}
	if status.Owner, err = readOwner(ctx, db, query(db, "read_owner")); err != nil {
		// A newer version may have changed the table.
		return Status{}, cmp.Or(CheckVersions(status.Versions), err)
	}
	return status, nil
}

// CheckVersions returns an *ErrSchemaTooNew unless this binary may write to a schema of these
// versions.
func CheckVersions(found Versions) error {
	if found.Schema > SchemaVersion || found.Rules > RulesVersion {
		return &ErrSchemaTooNew{Found: found, Known: Known()}
	}
	return nil
}
