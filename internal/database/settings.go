package database

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// ErrStale means that settings of a later generation of the same object are in force.
type ErrStale struct{ InForce int64 }

func (e *ErrStale) Error() string {
	return fmt.Sprintf("settings of the later generation %d are in force", e.InForce)
}

// SetAttribution declares which touch decides a signup's attribution. A change enqueues every
// campaign. Once it returns, no batch commits that was decided under another model; it writes
// nothing if nothing differs. A generation lower than that of an earlier change is an *ErrStale.
func SetAttribution(ctx context.Context, db *postgres.DB, ownerUID string, generation int64, model AttributionModel) error {
	err := set(ctx, db, ownerUID, generation, setting{"compare_attribution", "lock_campaigns", "set_attribution"}, model)
	if err != nil {
		return fmt.Errorf("while setting the attribution model: %w", err)
	}
	return nil
}

// SetSuspended declares whether the database is suspended: no batch commits while it is. A
// generation lower than that of an earlier change is an *ErrStale.
func SetSuspended(ctx context.Context, db *postgres.DB, ownerUID string, generation int64, suspended bool) error {
	err := set(ctx, db, ownerUID, generation, setting{"compare_suspended", "", "set_suspended"}, suspended)
	if err != nil {
		return fmt.Errorf("while suspending or resuming: %w", err)
	}
	return nil
}

// SetTouchRetention declares how long touches are kept; 0: for ever. It writes nothing if nothing
// differs. A generation lower than that of an earlier change is an *ErrStale.
func SetTouchRetention(ctx context.Context, db *postgres.DB, ownerUID string, generation int64, kept time.Duration) error {
	var microseconds *int64
	if kept > 0 {
		value := max(1, kept.Microseconds())
		microseconds = &value
	}
	err := set(ctx, db, ownerUID, generation, setting{"compare_retention", "", "set_retention"}, microseconds)
	if err != nil {
		return fmt.Errorf("while setting the retention of touches: %w", err)
	}
	return nil
}

// RecordGeneration records that a generation of the object is in force, before its settings are
// written. A generation lower than one that was recorded is an *ErrStale.
func RecordGeneration(ctx context.Context, db *postgres.DB, ownerUID string, generation int64) error {
	err := transact(ctx, db, func(tx pgx.Tx) error { return recordGeneration(ctx, tx, db, ownerUID, generation) })
	if err != nil {
		return fmt.Errorf("while recording the generation in force: %w", err)
	}
	return nil
}

// recordGeneration precedes what a transaction writes for a generation of the object that owns the
// schema. The owner cannot change until the transaction ends.
func recordGeneration(ctx context.Context, tx pgx.Tx, db *postgres.DB, ownerUID string, generation int64) error {
	var inForce int64
	err := tx.QueryRow(ctx, query(db, "advance_owner"), ownerUID, generation).Scan(&inForce)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return cmp.Or(requireOwner(ctx, tx, db, ownerUID), err)
	case err != nil:
		return err
	case inForce > generation:
		return &ErrStale{InForce: inForce}
	}
	return nil
}

// setting is a value that the owner declares: the names of its statements.
type setting struct {
	compare string // reads the owner, and whether the value is in force
	lock    string // locks what change writes beside the value, in the order of batches; empty: nothing
	change  string // writes the value
}

// set puts a value in force, unless it is.
func set(ctx context.Context, db *postgres.DB, ownerUID string, generation int64, s setting, value any) error {
	var owner string
	var same bool
	err := db.QueryRow(ctx, query(db, s.compare), value).Scan(&owner, &same)
	if err != nil || same && owner == ownerUID {
		return err
	}
	return transact(ctx, db, func(tx pgx.Tx) error {
		if err := recordGeneration(ctx, tx, db, ownerUID, generation); err != nil {
			return err
		}
		if s.lock != "" {
			if _, err := tx.Exec(ctx, query(db, s.lock)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, query(db, s.change), value)
		return err
	})
}
