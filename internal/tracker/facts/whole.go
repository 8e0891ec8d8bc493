package facts

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// WholeSignup returns a stored signup with its long values.
func (s *Store) WholeSignup(ctx context.Context, userID string) (StoredSignup, error) {
	return whole(ctx, s.db, s.signups, s.sql.Get("read_signup"), userID)
}

// WholePurchase returns a stored purchase with its long values.
func (s *Store) WholePurchase(ctx context.Context, userID, purchaseID string) (StoredPurchase, error) {
	return whole(ctx, s.db, s.purchases, s.sql.Get("read_purchase"), userID, purchaseID)
}

func whole[F, S any](ctx context.Context, from querier, k *kind[F, S], sql string, key ...any) (stored S, err error) {
	rows, err := from.Query(ctx, sql, key...)
	if err == nil {
		stored, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (stored S, err error) {
			err = row.Scan(k.scan(&stored)...)
			return stored, err
		})
	}
	if err != nil {
		return stored, fmt.Errorf("while reading a stored %s: %w", k.name, err)
	}
	return stored, nil
}
