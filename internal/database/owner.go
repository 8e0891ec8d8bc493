package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Identity identifies an object that may own a schema.
type Identity struct {
	Installation string // of the operator
	Name         string // namespace/name of the object
	UID          string // of the object; changes when the object is created again
}

// Owner is the object that owns a schema; zero: none.
type Owner struct {
	Identity
	Generation  int64     // of the object, whose settings are in force
	HeartbeatAt time.Time // by the database's clock
	ReleasedAt  time.Time // zero: not given up
	Silent      bool      // the heartbeat is five minutes old
}

// ErrOwnedByAnother means that another object owns the schema, or none does if Owner is zero: the
// caller must not write to it. Claim makes the caller the owner.
type ErrOwnedByAnother struct{ Owner Owner }

func (e *ErrOwnedByAnother) Error() string {
	if e.Owner.UID == "" {
		return "the schema has no owner yet"
	}
	return fmt.Sprintf("the schema is owned by %s of installation %s (uid %s)", e.Owner.Name, e.Owner.Installation, e.Owner.UID)
}

// Claimed is the result of Claim.
type Claimed struct {
	TookOver bool  // from another object
	From     Owner // the owner before
}

// Claim makes id the owner of the schema, or records a heartbeat if id is the owner already.
//
// Any object may claim a schema without an owner. The same installation and name under a new UID
// takes over from an owner that gave the schema up or has been silent for five minutes. Other
// objects get an *ErrOwnedByAnother, unless takeOver is the UID of the present owner. Batches of
// the owner before roll back. A schema of a Postgres role that might give itself the operator's
// rights is not claimed; see checkOwners.
func Claim(ctx context.Context, db *postgres.DB, id Identity, takeOver string) (Claimed, error) {
	err := Heartbeat(ctx, db, id)
	if _, another := errors.AsType[*ErrOwnedByAnother](err); !another {
		return Claimed{}, err
	}
	var claimed Claimed
	err = transact(ctx, db, func(tx pgx.Tx) error {
		if _, err := checkOwners(ctx, tx, db.Schema); err != nil {
			return err
		}
		claimed, err = claim(ctx, tx, db, id, takeOver)
		return err
	})
	if err != nil {
		return Claimed{}, fmt.Errorf("while claiming schema %s: %w", db.Schema, err)
	}
	return claimed, nil
}

func claim(ctx context.Context, tx pgx.Tx, db *postgres.DB, id Identity, takeOver string) (Claimed, error) {
	tag, err := tx.Exec(ctx, query(db, "insert_owner"), id.Installation, id.Name, id.UID)
	if err != nil {
		return Claimed{}, err
	}
	var claimed Claimed
	if tag.RowsAffected() == 0 {
		owner, err := readOwner(ctx, tx, query(db, "lock_owner"))
		if err != nil {
			return Claimed{}, err
		}
		if owner.Identity == id && owner.ReleasedAt.IsZero() {
			return Claimed{}, nil // another replica claimed it first
		}
		if !mayTakeOver(owner, id, takeOver) {
			return Claimed{}, &ErrOwnedByAnother{Owner: owner}
		}
		if owner.Identity != id {
			claimed = Claimed{TookOver: true, From: owner}
		}
		if _, err := tx.Exec(ctx, query(db, "replace_owner"), id.Installation, id.Name, id.UID); err != nil {
			return Claimed{}, err
		}
	}
	return claimed, bumpEpoch(ctx, tx, db)
}

// mayTakeOver reports whether id may take the schema over from owner.
func mayTakeOver(owner Owner, id Identity, takeOver string) bool {
	switch {
	case takeOver != "" && takeOver == owner.UID:
		return true
	case owner.Installation == id.Installation && owner.Name == id.Name:
		return owner.Silent || !owner.ReleasedAt.IsZero()
	}
	return false
}

// Heartbeat records a heartbeat, at most once a minute: in between it writes nothing. If id does
// not own the schema it returns an *ErrOwnedByAnother. A heartbeat that is in the future, since the
// database's clock was set back, is set to now whatever object owns the schema: else a dead owner
// would not count as silent until then.
func Heartbeat(ctx context.Context, db *postgres.DB, id Identity) error {
	if _, err := db.Exec(ctx, query(db, "heartbeat"), id.Installation, id.Name, id.UID); err != nil {
		return fmt.Errorf("while recording a heartbeat: %w", err)
	}
	owner, err := readOwner(ctx, db, query(db, "read_owner"))
	if err != nil {
		return err
	}
	if owner.Identity != id || !owner.ReleasedAt.IsZero() {
		return &ErrOwnedByAnother{Owner: owner}
	}
	return nil
}

// Release gives the schema up if id owns it. Batches in progress roll back.
func Release(ctx context.Context, db *postgres.DB, id Identity) error {
	err := transact(ctx, db, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, query(db, "release_owner"), id.Installation, id.Name, id.UID)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return bumpEpoch(ctx, tx, db)
	})
	if err != nil {
		return fmt.Errorf("while giving up schema %s: %w", db.Schema, err)
	}
	return nil
}

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
}

// readOwner returns the owner; zero if there is none.
func readOwner(ctx context.Context, from querier, sql string) (Owner, error) {
	var owner Owner
	var released *time.Time
	err := from.QueryRow(ctx, sql).Scan(shownID{&owner.Installation}, shownID{&owner.Name}, shownID{&owner.UID}, &owner.Generation, &owner.HeartbeatAt, &released, &owner.Silent)
	if errors.Is(err, pgx.ErrNoRows) {
		return Owner{}, nil
	}
	if err != nil {
		return Owner{}, fmt.Errorf("while reading the schema's owner: %w", err)
	}
	if released != nil {
		owner.ReleasedAt = *released
	}
	return owner, nil
}

// requireOwner returns an *ErrOwnedByAnother unless the object with the given UID owns the schema.
// The owner cannot change until the transaction ends.
func requireOwner(ctx context.Context, tx pgx.Tx, db *postgres.DB, uid string) error {
	owner, err := readOwner(ctx, tx, query(db, "share_owner"))
	if err != nil {
		return err
	}
	if owner.UID != uid || !owner.ReleasedAt.IsZero() {
		return &ErrOwnedByAnother{Owner: owner}
	}
	return nil
}

// bumpEpoch makes every batch that has not committed roll back. It waits for batches that are
// committing, and takes the last lock of its transaction.
func bumpEpoch(ctx context.Context, tx pgx.Tx, db *postgres.DB) error {
	_, err := tx.Exec(ctx, query(db, "bump_epoch"))
	return err
}
