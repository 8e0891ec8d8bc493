package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Identity is who may own a schema. All three tell owners apart.
type Identity struct {
	Installation string // tells one operator from another
	Name         string // namespace/name of the object
	UID          string // of the object; changes when it is created anew
}

// Owner is who owns a schema.
type Owner struct {
	Identity
	HeartbeatAt time.Time // by the database's clock
	ReleasedAt  time.Time // zero: not given up
	Silent      bool      // the heartbeat is five minutes old
}

// ErrOwnedByAnother says that somebody else owns the schema: nothing may be
// written to it. A zero Owner is nobody, which only Claim changes.
type ErrOwnedByAnother struct{ Owner Owner }

func (e *ErrOwnedByAnother) Error() string {
	if e.Owner.UID == "" {
		return "nobody owns the schema yet"
	}
	return fmt.Sprintf("the schema is owned by %s of installation %s (uid %s)", e.Owner.Name, e.Owner.Installation, e.Owner.UID)
}

// Claimed says how Claim came out.
type Claimed struct {
	TookOver bool  // from another object
	From     Owner // whom from
}

// Claim makes id the owner of the schema, or keeps it that with a sign of life.
//
// A schema without an owner is free. The same installation and name under a
// new UID takes over from one that was given up or has been silent for five
// minutes. Anybody else gets an *ErrOwnedByAnother, unless takeOver is the UID
// of the present owner. Whatever was being decided for the owner before is
// rolled back.
func Claim(ctx context.Context, db *postgres.DB, id Identity, takeOver string) (Claimed, error) {
	err := Heartbeat(ctx, db, id)
	if _, another := errors.AsType[*ErrOwnedByAnother](err); !another {
		return Claimed{}, err
	}
	var claimed Claimed
	err = transact(ctx, db, func(tx pgx.Tx) error {
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
			return Claimed{}, nil // another replica was faster
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

// mayTakeOver tells whether id may own what owner owns or has given up.
func mayTakeOver(owner Owner, id Identity, takeOver string) bool {
	switch {
	case takeOver != "" && takeOver == owner.UID:
		return true
	case owner.Installation == id.Installation && owner.Name == id.Name:
		return owner.Silent || !owner.ReleasedAt.IsZero()
	}
	return false
}

// Heartbeat gives a sign of life, at most once a minute: in between it writes
// nothing. When id does not own the schema it is an *ErrOwnedByAnother.
func Heartbeat(ctx context.Context, db *postgres.DB, id Identity) error {
	tag, err := db.Exec(ctx, query(db, "heartbeat"), id.Installation, id.Name, id.UID)
	if err != nil {
		return fmt.Errorf("while giving a sign of life: %w", err)
	}
	if tag.RowsAffected() > 0 {
		return nil
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

// Release gives the schema up, if id owns it. What is being decided is rolled
// back.
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

// readOwner returns the owner, zero where there is none.
func readOwner(ctx context.Context, from querier, sql string) (Owner, error) {
	var owner Owner
	var released *time.Time
	err := from.QueryRow(ctx, sql).Scan(&owner.Installation, &owner.Name, &owner.UID, &owner.HeartbeatAt, &released, &owner.Silent)
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

// requireOwner returns an *ErrOwnedByAnother unless the object with the given
// UID owns the schema, which then stays so until the transaction ends.
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

// bumpEpoch makes every batch decided so far roll back. It waits for those
// that are committing, and is the last lock of its transaction.
func bumpEpoch(ctx context.Context, tx pgx.Tx, db *postgres.DB) error {
	_, err := tx.Exec(ctx, query(db, "bump_epoch"))
	return err
}
