package facts

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Units is a whole number of minor units. A sum may exceed int64.
type Units string

// Balance is the credit of a beneficiary in one currency.
type Balance struct {
	Currency  string
	Available Units // below zero if a reversal exceeded it
	Held      Units
}

// Balances returns a beneficiary's balances in the order of currencies; none for a beneficiary
// without credit so far.
func (s *Store) Balances(ctx context.Context, beneficiaryID string) ([]Balance, error) {
	return s.balances(ctx, s.reads, beneficiaryID)
}

func (s *Store) balances(ctx context.Context, from *postgres.DB, beneficiaryID string) ([]Balance, error) {
	rows, err := from.Query(ctx, s.sql.Get("read_balance"), beneficiaryID)
	if err != nil {
		return nil, fmt.Errorf("while reading a balance: %w", err)
	}
	balances, err := postgres.CollectRows(rows, pgx.RowToStructByPos[Balance])
	if err != nil {
		return nil, fmt.Errorf("while reading a balance: %w", err)
	}
	return balances, nil
}

// available reads for a write, and so through the pool for writes.
func (s *Store) available(ctx context.Context, beneficiaryID, currency string) (Units, error) {
	balances, err := s.balances(ctx, s.db, beneficiaryID)
	if err != nil {
		return "", err
	}
	for _, balance := range balances {
		if balance.Currency == currency {
			return balance.Available, nil
		}
	}
	return "0", nil
}
