package facts

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Credit is one reward of one pair. A pair that earns nothing now is one Credit without a reward.
type Credit struct {
	UserID      string
	PurchaseID  string
	Reward      string
	Campaign    string
	State       string
	Reason      string
	Amount      *int64
	Currency    *string
	QualifiedAt time.Time
	MaturesAt   time.Time
	DecidedAt   time.Time
}

// CreditKey orders a list of credits.
type CreditKey struct{ UserID, PurchaseID, Reward string }

// Credits returns at most limit credits of a beneficiary with keys above after, in the order of
// keys.
func (s *Store) Credits(ctx context.Context, beneficiaryID string, after CreditKey, limit int) ([]Credit, error) {
	rows, err := s.reads.Query(ctx, s.sql.Get("list_credits"), pgx.StrictNamedArgs{
		"beneficiary_id": beneficiaryID, "user_id": after.UserID, "purchase_id": after.PurchaseID, "reward": after.Reward,
		"limit": limit,
	})
	if err != nil {
		return nil, fmt.Errorf("while reading credits: %w", err)
	}
	credits, err := postgres.CollectRows(rows, func(row pgx.CollectableRow) (c Credit, err error) {
		err = row.Scan(&c.UserID, &c.PurchaseID, &c.Reward, &c.Campaign, &c.State, &c.Reason, &c.Amount, &c.Currency,
			always{&c.QualifiedAt}, always{&c.MaturesAt}, always{&c.DecidedAt})
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("while reading credits: %w", err)
	}
	return credits, nil
}
