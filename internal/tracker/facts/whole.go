package facts

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// WholeSignup returns the stored signup of a given one, with its long values. It returns ErrVanished
// if there is none, and *Conflict if it differs, or if SQL wrote more than is read.
func (s *Store) WholeSignup(ctx context.Context, given *Signup) (StoredSignup, error) {
	return whole(ctx, s.db, s.signups, given, s.sql.Get("read_signup"), given.UserID)
}

// WholePurchase returns the stored purchase of a given one, with its long values. It returns
// ErrVanished if there is none, and *Conflict if it differs, or if SQL wrote more than is read.
func (s *Store) WholePurchase(ctx context.Context, given *Purchase) (StoredPurchase, error) {
	return whole(ctx, s.db, s.purchases, given, s.sql.Get("read_purchase"), given.UserID, given.PurchaseID)
}

// whole reads the row of a fact that has been compared with it. SQL may have changed the row since.
func whole[F, S any](ctx context.Context, from querier, k *kind[F, S], given *F, sql string, key ...any) (stored S, err error) {
	rows, err := from.Query(ctx, sql, key...)
	if err == nil {
		stored, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (stored S, err error) {
			err = row.Scan(k.scan(&stored)...)
			return stored, err
		})
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return stored, ErrVanished
	case err != nil:
		return stored, fmt.Errorf("while reading a stored %s: %w", k.name, err)
	}
	if differences := k.differ(given, &stored, true); len(differences) > 0 {
		return stored, &Conflict{Kind: k.name, Differences: differences}
	}
	return stored, nil
}
