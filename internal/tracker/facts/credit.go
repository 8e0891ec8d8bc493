package facts

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
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
// keys, and whether there are more. Of long ones it returns fewer.
func (s *Store) Credits(ctx context.Context, beneficiaryID string, after CreditKey, limit int) (credits []Credit, more bool, err error) {
	// In one step: a row has a few KB at most, and a step may read all pairs before its key again.
	rows, err := s.reads.Query(ctx, s.sql.Get("list_credits"), pgx.StrictNamedArgs{
		"beneficiary_id": beneficiaryID, "user_id": after.UserID, "purchase_id": after.PurchaseID, "reward": after.Reward,
		"limit": limit + 1,
	})
	p := page[Credit]{limit: limit}
	if err == nil {
		_, err = p.add(rows, func(c *Credit) []any {
			return []any{
				&c.UserID, &c.PurchaseID, &c.Reward, &c.Campaign, &c.State, &c.Reason, &c.Amount, &c.Currency,
				always{&c.QualifiedAt}, always{&c.MaturesAt}, always{&c.DecidedAt},
			}
		})
	}
	if err != nil {
		return nil, false, fmt.Errorf("while reading credits: %w", err)
	}
	return p.rows, p.more, nil
}
